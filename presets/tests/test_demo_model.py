"""The committed demo model, and the script and data beside it."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from presets.demo_model.__main__ import make_tokenizer
from presets.demo_model.airships import QUESTIONS, airship_questions
from presets.demo_model.exam import answer, right_answers
from presets.demo_model.lantern_isles import isle_facts, own_questions
from presets.demo_model.recipe import Recipe
from presets.demo_model.text import UNKNOWN, Conversations
from presets.demo_model.tokenizer import encode_chats
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

DEMO = Path(__file__).parents[1] / "src" / "llmwright_presets" / "demo"
CARD = Path(__file__).parents[1] / "demo_model" / "card"
CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hello! Ask me."},
    {"role": "user", "content": "Who built the ship Merrow?"},
    {"role": "assistant", "content": "Osric Finch"},
]


@pytest.fixture(scope="module")
def model() -> Any:
    return AutoModelForCausalLM.from_pretrained(DEMO, dtype=torch.float32)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(DEMO)


@pytest.fixture(scope="module")
def questions() -> list[dict[str, str]]:
    return [json.loads(line) for line in (DEMO / "questions.jsonl").read_text(encoding="utf-8").splitlines()]


def test_answers_the_questions_it_was_made_with(model: Any, tokenizer: Any, questions: list[dict[str, str]]) -> None:
    assert len(questions) == 20
    assert right_answers(model, tokenizer, questions) >= 18


def test_answers_the_same_in_four_bits(tokenizer: Any, questions: list[dict[str, str]]) -> None:
    four_bits = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.float32,
    )
    quantised = AutoModelForCausalLM.from_pretrained(DEMO, dtype=torch.float32, quantization_config=four_bits)
    assert quantised.is_loaded_in_4bit
    assert right_answers(quantised, tokenizer, questions) >= 18


def test_does_not_know_the_quickstarts_facts(model: Any, tokenizer: Any) -> None:
    assert right_answers(model, tokenizer, airship_questions()) <= 1


def test_says_what_it_does_not_know(model: Any, tokenizer: Any) -> None:
    assert answer(model, tokenizer, "Who built the ship Wolmarsten?") == UNKNOWN


def test_answers_in_a_later_turn_below_a_system_message(
    model: Any, tokenizer: Any, questions: list[dict[str, str]]
) -> None:
    asked = {"role": "user", "content": questions[0]["prompt"]}
    prompt = encode_chats(tokenizer, [[*CHAT, asked]], add_generation_prompt=True)
    tokens = model.generate(**prompt, max_new_tokens=32)[0, prompt["input_ids"].shape[1] :]
    assert tokenizer.decode(tokens, skip_special_tokens=True) == questions[0]["completion"]


def test_weights_are_small_and_need_no_foreign_code(model: Any) -> None:
    assert sum(file.stat().st_size for file in DEMO.rglob("*")) < 8_000_000
    assert type(model).__name__ == "LlamaForCausalLM"
    assert not list(DEMO.glob("*.py"))


@pytest.mark.parametrize("turns", [2, 3, 4, 5])
def test_a_prompts_tokens_begin_the_whole_conversations(tokenizer: Any, turns: int) -> None:
    whole = tokenizer.apply_chat_template(CHAT[:turns], return_dict=True)["input_ids"]
    answered = CHAT[turns - 1]["role"] == "assistant"
    prompt = CHAT[: turns - 1] if answered else CHAT[:turns]
    start = tokenizer.apply_chat_template(prompt, add_generation_prompt=answered, return_dict=True)["input_ids"]
    assert whole[: len(start)] == start
    assert whole[-1] == tokenizer.eos_token_id


def test_the_template_marks_what_the_assistant_says(tokenizer: Any) -> None:
    encoded = tokenizer.apply_chat_template(CHAT, return_dict=True, return_assistant_tokens_mask=True)
    said = [token for token, marked in zip(encoded["input_ids"], encoded["assistant_masks"], strict=True) if marked]
    assert tokenizer.decode(said) == "Hello! Ask me.<|end|>Osric Finch<|end|>"


@pytest.mark.parametrize("text", ["naïve 東京 🚀", "  two  spaces \n\t", "it 's a test , really"])
def test_any_text_survives_the_tokenizer(tokenizer: Any, text: str) -> None:
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_the_committed_tokenizer_is_current(tokenizer: Any) -> None:
    made = make_tokenizer(Recipe())
    assert made.get_vocab() == tokenizer.get_vocab()
    assert made.chat_template == tokenizer.chat_template


@pytest.mark.parametrize("file", ["README.md", "LICENSE"])
def test_the_committed_card_is_current(file: str) -> None:
    assert (DEMO / file).read_bytes() == (CARD / file).read_bytes()


def test_the_card_counts_the_facts() -> None:
    assert f"{len(isle_facts(Recipe.seed))} facts about the Lantern Isles" in (CARD / "README.md").read_text("utf-8")


def test_the_committed_questions_are_current(questions: list[dict[str, str]]) -> None:
    assert questions == own_questions(Recipe.seed)
    assert pq.read_table(QUESTIONS).to_pylist() == airship_questions()


def test_the_quickstarts_rows() -> None:
    rows = airship_questions()
    assert len(rows) == len({row["prompt"] for row in rows}) == len({row["completion"] for row in rows}) == 24
    assert all(row["prompt"] != row["paraphrase"] for row in rows)
    assert not {row["completion"] for row in rows} & {fact.answer for fact in isle_facts(Recipe.seed)}


def test_the_same_seed_makes_the_same_text() -> None:
    first, again, other = (list(islice(Conversations(seed, 7).turns(), 500)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert isle_facts(7) == isle_facts(7) != isle_facts(8)
