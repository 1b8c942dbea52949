"""The number format of computations, by device."""

from __future__ import annotations

import pytest

from llmwright_tuning_qlora.train.model.device import Device, compute_dtype


@pytest.mark.parametrize(
    ("capability", "wanted", "number"),
    [
        (None, "bfloat16", "float32"),
        (None, "float16", "float32"),
        ((9, 0), "bfloat16", "bfloat16"),
        ((8, 0), "auto", "bfloat16"),
        ((7, 5), "bfloat16", "float16"),
        ((9, 0), "float32", "float32"),
        ((9, 0), "float16", "float16"),
    ],
)
def test_numbers_are_those_that_the_device_is_fast_at(
    capability: tuple[int, int] | None, wanted: str, number: str
) -> None:
    assert compute_dtype(Device("x", 0, capability), wanted) == number
