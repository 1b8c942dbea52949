"""Tests that start Ray are slow: it takes half a minute, and lies in an environment of its own."""

from __future__ import annotations

import pytest

STARTS = {"served_launch", "ray"}
"""Fixtures of tests that start Ray."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if isinstance(item, pytest.Function) and STARTS & {*item.fixturenames}:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(900))
