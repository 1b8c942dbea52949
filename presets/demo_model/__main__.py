"""``python -m presets.demo_model``: make the demo model and test it. Exit code 1 for too few right answers."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from itertools import islice
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast, set_seed
from transformers.utils import logging

from .exam import right_answers
from .lantern_isles import own_questions
from .recipe import Recipe
from .text import Conversations
from .tokenizer import train_tokenizer
from .train import new_model, train

HERE = Path(__file__).parent
SHIPPED = HERE.parent / "src" / "llmwright_presets" / "demo"
NEEDED = 18


def make_tokenizer(recipe: Recipe) -> PreTrainedTokenizerFast:
    """Train the tokenizer on 20,000 turns of the text."""
    turns = islice(Conversations(recipe.seed, recipe.seed).turns(), 20_000)
    return train_tokenizer((part for turn in turns for part in turn), recipe.vocabulary, recipe.context)


def make(recipe: Recipe, folder: Path) -> None:
    """Train tokenizer and model, and write all shipped files to the folder, weights in bfloat16."""
    set_seed(recipe.seed)
    tokenizer = make_tokenizer(recipe)
    model = new_model(recipe, tokenizer)
    train(model, tokenizer, recipe)
    folder.mkdir(parents=True, exist_ok=True)
    model.generation_config.do_sample = False
    model.bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_questions(recipe, folder)
    shutil.copytree(HERE / "card", folder, dirs_exist_ok=True)


def write_questions(recipe: Recipe, folder: Path) -> None:
    """Write the test questions as ``questions.jsonl``."""
    rows = own_questions(recipe.seed)
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def examine(folder: Path) -> int:
    """Return how many of ``questions.jsonl`` the saved model answers right, in float32 as on the server."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text(encoding="utf-8").splitlines()]
    return right_answers(model, AutoTokenizer.from_pretrained(folder), rows)


def main() -> None:
    """Make the model, test it, print the score."""
    parser = argparse.ArgumentParser(description="Make the demo model and examine it.")
    parser.add_argument("--out", type=Path, default=SHIPPED, metavar="DIR", help="folder to write")
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    args = parser.parse_args()
    logging.disable_progress_bar()
    recipe = Recipe(seed=args.seed, steps=args.steps)
    make(recipe, args.out)
    score = examine(args.out)
    print(f"{score} of {len(own_questions(recipe.seed))} right, {NEEDED} needed; written to {args.out}")
    sys.exit(score < NEEDED)


if __name__ == "__main__":
    main()
