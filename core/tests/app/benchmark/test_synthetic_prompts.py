"""Prompts of a wanted length, found by trials."""

from __future__ import annotations

from itertools import islice

import pytest

from llmwright.app.benchmark.synthetic_prompts import MOST_TRIALS, VOCABULARY, best_trial, next_trial, texts


def search(wanted: int, template: int, per_word: float) -> tuple[int, int]:
    """Search on a server whose template has ``template`` tokens; return the words and the number of trials."""

    def tokens(words: int) -> int:
        return template + int(words * per_word)

    trials: list[tuple[int, int]] = []
    while (words := next_trial(trials, wanted)) is not None:
        trials.append((words, tokens(words)))
    return tokens(best_trial(trials, wanted)), len(trials)


@pytest.mark.parametrize("wanted", [1, 8, 100, 128, 2048, 100_000])
@pytest.mark.parametrize("template", [0, 5, 60])
@pytest.mark.parametrize("per_word", [1, 1.3, 2.7, 6])
def test_the_length_is_met(wanted: int, template: int, per_word: float) -> None:
    tokens, trials = search(wanted, template, per_word)
    shortest = template + int(per_word)
    assert abs(tokens - max(wanted, shortest)) <= per_word
    assert trials <= MOST_TRIALS


def test_a_server_that_counts_nonsense_ends_the_search() -> None:
    assert next_trial([(32, 0), (64, 0)], 128) is None
    assert next_trial([(32, 0)], 128) is not None


def test_prompts_hold_the_same_words_in_another_order() -> None:
    first, second, third = islice(texts(300, seed=1), 3)
    assert len({first, second, third}) == 3
    assert sorted(first.split()) == sorted(second.split()) == sorted(third.split())
    assert len(first.split()) == 300
    assert len(set(VOCABULARY)) == len(VOCABULARY)


def test_the_seed_decides() -> None:
    assert next(texts(50, 3)) == next(texts(50, 3)) != next(texts(50, 4))
