"""Amounts of bytes as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmwright.catalogue.quantity import format_bytes, parse_bytes


@pytest.mark.parametrize(
    ("text", "count"),
    [("8Gi", 8 * 1024**3), ("8GiB", 8 * 1024**3), ("8GB", 8 * 10**9), ("8G", 8 * 10**9), ("8", 8), (8, 8), ("0", 0),
     ("7.12Gi", 7645041787), ("100k", 100_000), ("64Ki", 65536), ("5B", 5), (" 1Mi ", 1024**2)],
)  # fmt: skip
def test_units(text: str | int, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["-8Gi", "8gi", "Gi", "", "eight", "8 GB of it", "1e3", True, None, "NaN"])
def test_anything_else_is_refused(text: Any) -> None:
    with pytest.raises(ValueError, match="is not an amount of bytes"):
        parse_bytes(text)


@given(st.integers(0, 10**18))
def test_a_plain_number_is_itself(count: int) -> None:
    assert parse_bytes(str(count)) == count


def test_reading_is_by_unit() -> None:
    assert [format_bytes(n) for n in (0, 1023, 1536, 7645041787, 150 * 1024**3)] == [
        "0 B", "1023 B", "1.5 KiB", "7.1 GiB", "150 GiB",
    ]  # fmt: skip
