"""Loads that cannot be, and how many requests they send."""

from __future__ import annotations

from dataclasses import fields as fields_of
from typing import Any

import pytest

from llmwright.app.benchmark.workload import Workload, WorkloadOptions
from llmwright.errors import ConfigError


def test_the_options_are_the_fields() -> None:
    assert {*WorkloadOptions.__annotations__, "prompts"} == {field.name for field in fields_of(Workload)}


@pytest.mark.parametrize(
    "fields",
    [
        {"concurrency": ()},
        {"concurrency": (0,)},
        {"requests": 0},
        {"duration_s": 0},
        {"duration_s": float("nan")},
        {"input_tokens": 10**12},
        {"timeout_s": float("inf")},
        {"input_tokens": 0},
        {"output_tokens": -1},
        {"warmup": -1},
        {"timeout_s": 0},
        {"api": "responses"},
    ],
)
def test_loads_that_cannot_be(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(fields))):
        Workload(**fields)


def test_how_many_requests() -> None:
    assert [Workload().requests_on(level) for level in (1, 8, 32)] == [10, 24, 96]
    assert Workload(requests=5).requests_on(32) == 5
    assert Workload(duration_s=1).requests_on(1) is None
    assert Workload(duration_s=1, requests=7).requests_on(1) == 7
