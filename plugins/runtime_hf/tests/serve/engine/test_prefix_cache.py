"""Beginnings of prompts: found again, each kept once, dropped beyond the bound."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch
from transformers.cache_utils import DynamicCache

from llmwright_runtime_hf.serve.engine import row_cache
from llmwright_runtime_hf.serve.engine.prefix_cache import PrefixCache

TOKEN_BYTES = 2 * 4 * 2
"""Of two layers: a key and a value of one float each."""


def cache_of(tokens: Sequence[int]) -> DynamicCache:
    """Return a cache whose columns are the tokens themselves."""
    cache = DynamicCache()
    for layer in range(2):
        column = torch.tensor(tokens, dtype=torch.float32)[None, None, :, None]
        cache.update(column + layer, -column, layer)
    return cache


def tokens_in(cache: Any) -> list[int]:
    assert torch.equal(cache.layers[1].keys - 1, -cache.layers[1].values)
    return [int(token) for token in cache.layers[0].keys.flatten().tolist()]


def test_the_longest_known_beginning_is_found() -> None:
    prefixes = PrefixCache(10**6)
    first, second = [*range(40)], [*range(30), *range(100, 140)]
    for tokens in (first, second, first[:20]):
        prefixes.keep("base", tokens, cache_of(tokens))
    for asked, known in (
        ([*first, 7], 40),
        (first, 39),
        ([*second, 1, 2], 70),
        ([*range(25), 500, 501], 25),
        ([*range(10), 500], 0),
        ([500, 501], 0),
        ([], 0),
    ):
        cache, count = prefixes.find("base", asked)
        assert count == known
        if known:
            assert tokens_in(cache) == asked[:known]
    assert prefixes.find("adapter", first) == (None, 0)
    assert prefixes.bytes == 80 * TOKEN_BYTES, "the 30 tokens in common are kept once"


def test_what_is_used_least_goes_first_and_the_bound_holds() -> None:
    prefixes = PrefixCache(100 * TOKEN_BYTES)
    for start in (0, 1000, 2000):
        tokens = [*range(start, start + 40)]
        prefixes.keep("base", tokens, cache_of(tokens))
        prefixes.find("base", [*range(40)])
    assert prefixes.bytes <= 100 * TOKEN_BYTES
    assert [prefixes.find("base", [*range(start, start + 50)])[1] for start in (0, 1000, 2000)] == [40, 0, 40]
    huge = [*range(5000, 5200)]
    prefixes.keep("base", huge, cache_of(huge))
    assert prefixes.find("base", [*range(41)])[1] == 40


def test_many_beginnings_stay_within_the_bound_and_are_right() -> None:
    chance, prefixes = random.Random(3), PrefixCache(400 * TOKEN_BYTES)
    for _ in range(400):
        tokens = [chance.randrange(2) for _ in range(6)] * chance.randint(3, 12)
        cache, count = prefixes.find("base", tokens)
        if count:
            assert tokens_in(cache) == tokens[:count]
        prefixes.keep("base", tokens, cache_of(tokens))
        assert 0 <= prefixes.bytes <= 400 * TOKEN_BYTES


def test_an_adapter_that_is_gone_leaves_nothing() -> None:
    prefixes = PrefixCache(10**6)
    for end in (100, 200):
        tokens = [*range(30), *range(end, end + 30)]
        for model in ("gone", "stays"):
            prefixes.keep(model, tokens, cache_of(tokens))
    prefixes.forget("gone")
    prefixes.forget("never there")
    assert prefixes.bytes == 90 * TOKEN_BYTES
    assert prefixes.find("gone", [*range(40)]) == (None, 0)
    assert prefixes.find("stays", [*range(40)])[1] == 30
    for start in range(1000, 40000, 100):
        tokens = [*range(start, start + 60)]
        prefixes.keep("stays", tokens, cache_of(tokens))
    assert prefixes.find("stays", tokens)[1] == 59


def test_the_first_prompt_is_not_held_for_good() -> None:
    """An empty view holds the memory of the whole, beyond every bound."""
    layers = row_cache.emptied(cache_of(range(1000))).layers
    assert [tensor.untyped_storage().nbytes() for layer in layers for tensor in (layer.keys, layer.values)] == [0] * 4
