"""Activations are computed again where memory is too small to keep them."""

from __future__ import annotations

from llmwright_tuning_qlora.train.model.activation_memory import DecoderSize, activation_bytes, exceeds_free


def test_activations_are_recomputed_where_memory_needs_it() -> None:
    eight_billion = DecoderSize(layers=32, hidden=4096, inner=14336, heads=32, vocabulary=128256)
    small = activation_bytes(eight_billion, 1, 128, 2)
    large = activation_bytes(eight_billion, 8, 4096, 2)
    assert large == 256 * small
    assert not exceeds_free(small, 10 * 2**30)
    assert exceeds_free(large, 80 * 2**30)
