"""The garbage collector rests while large libraries are imported, and no longer."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from llmwright.plugins.large_imports import collector_paused


@pytest.fixture(autouse=True)
def enabled_afterwards() -> Iterator[None]:
    yield
    gc.enable()


def test_it_rests_within() -> None:
    with collector_paused():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_goes_on_after_an_import_that_fails() -> None:
    with pytest.raises(ModuleNotFoundError), collector_paused():
        import not_there  # type: ignore[import-not-found]  # noqa: F401
    assert gc.isenabled()


def test_it_stays_off_where_it_was_off() -> None:
    gc.disable()
    with collector_paused():
        pass
    assert not gc.isenabled()


def test_one_within_another_ends_nothing() -> None:
    with collector_paused():
        with collector_paused():
            pass
        assert not gc.isenabled()
