"""Plain scalars as PyYAML reads them, but for what no field takes."""

from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from llmwright.reading.yaml_1_1 import plain_scalar_1_1


@pytest.mark.parametrize(
    "text", ["yes", "off", "~", "0x1F", "017", "1_000", "1:30", "1.5", "1e-4", "1.0e-4", "y", "", "-3", "0b11"]
)
def test_a_scalar_is_what_pyyaml_makes_of_it(text: str) -> None:
    assert plain_scalar_1_1(text) == yaml.safe_load(text)


@pytest.mark.parametrize("text", ["2001-13-45", "2001-01-01", "9" * 400, ".inf", ".nan", "=", "<<", "190:20:30.15e9"])
def test_what_no_field_takes_stays_text(text: str) -> None:
    assert plain_scalar_1_1(text) == text


@given(st.text(alphabet="0123456789abcdefxoyestnul~+-._:eE", max_size=20))
def test_nothing_else_comes_out(text: str) -> None:
    value = plain_scalar_1_1(text)
    assert value is None or isinstance(value, str | bool | int) or math.isfinite(value)
