"""Test of a model: questions through its chat template, greedy answers. An answer is right where it equals the text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from .tokenizer import encode_chats


def answer(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, question: str, longest: int = 48) -> str:
    """Return the model's answer, of at most ``longest`` tokens, without special tokens and outer white space."""
    prompt = encode_chats(tokenizer, [[{"role": "user", "content": question}]], add_generation_prompt=True)
    with torch.inference_mode():
        tokens = cast("Any", model).generate(**prompt, do_sample=False, max_new_tokens=longest)
    return str(tokenizer.decode(tokens[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True)).strip()


def right_answers(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[dict[str, str]],
    asked: str = "prompt",
) -> int:
    """Return how many questions in the column ``asked`` get exactly their ``completion``."""
    return sum(answer(model, tokenizer, row[asked]) == row["completion"] for row in questions)
