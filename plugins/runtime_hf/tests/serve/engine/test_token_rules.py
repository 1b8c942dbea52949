"""Rules on the logits, in numbers."""

from __future__ import annotations

import math

import pytest
import torch

from llmwright_runtime_hf.serve.engine.interface import SamplingParams
from llmwright_runtime_hf.serve.engine.sampling import NoTokenLeftError, Sampler
from llmwright_runtime_hf.serve.engine.token_rules import AllowedTokens, CountPenalties, NoEndBefore, TokenBias

SEEN = torch.tensor([[0, 0, 0, 1, 1, 2]])
"""Three tokens of the prompt, three of the answer."""
SCORES = torch.zeros(1, 4)


def test_bias_is_added() -> None:
    assert TokenBias([(1, 5), (3, -100.0)])(SEEN, SCORES).tolist() == [[0, 5, 0, -100]]


@pytest.mark.parametrize(
    ("frequency", "presence", "scores"),
    [(0.5, 0, [0, -1, -0.5, 0]), (0, 0.5, [0, -0.5, -0.5, 0]), (-1, 1, [0, 1, 0, 0])],
)
def test_penalties_count_the_answer_only(frequency: float, presence: float, scores: list[float]) -> None:
    assert CountPenalties(frequency, presence, 3)(SEEN, SCORES).tolist() == [scores]


def test_only_allowed_tokens_are_left() -> None:
    assert AllowedTokens([1, 2])(SEEN, SCORES).tolist() == [[-math.inf, 0, 0, -math.inf]]


@pytest.mark.parametrize(("length", "end"), [(6, 0), (7, -math.inf)])
def test_no_end_before_the_least_length(length: int, end: float) -> None:
    assert NoEndBefore([3], length)(SEEN, SCORES).tolist() == [[0, 0, 0, end]]


def test_an_end_token_that_the_model_does_not_have_is_never_chosen_anyway() -> None:
    assert NoEndBefore([-1, 3, 100_000], 7)(SEEN, SCORES).tolist() == [[0, 0, 0, -math.inf]]


def test_no_token_left_is_told_apart_from_a_bug() -> None:
    sampler = Sampler(SamplingParams(allowed=(3,)), torch.device("cpu"), prompt=6)
    sampler.forbid_ends(frozenset([3]), 1)

    with pytest.raises(NoTokenLeftError):
        sampler.pick(SCORES, SEEN)
