"""The contracts fail on every mutant, by the law that it breaks, and pass every correct plugin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet
from core.tests.testing.support.mutants import NAMES, Mutant, broken_laws, mutants, write, write_plugin


@pytest.mark.parametrize("plugin", NAMES)
def test_a_correct_plugin_passes(plugin: str, tmp_path: Path) -> None:
    assert broken_laws(write_plugin(plugin, tmp_path)) == {}


def test_an_author_s_run_leaves_the_files_of_other_runs_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = tmp_path / "others"
    others.mkdir()
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", str(others))
    assert broken_laws(write_plugin("policy", tmp_path), "test_observers_bear_every_change") == {}
    assert [*others.iterdir()] == []


SAMPLE = 8
"""One of so many mutants is tried by `make test`, the others by `make test-long`."""


def tried() -> Iterator[ParameterSet]:
    for name in NAMES:
        for number, mutant in enumerate(mutants(name)):
            yield pytest.param(mutant, id=str(mutant), marks=[] if number % SAMPLE == 0 else [pytest.mark.slow])


def test_there_are_many_of_each_kind() -> None:
    assert min(len(mutants(name)) for name in NAMES) >= 10
    assert sum(len(mutants(name)) for name in NAMES) >= 600


@pytest.mark.parametrize("mutant", [*tried()])
def test_a_mutant_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    broken = broken_laws(write(mutant, tmp_path), mutant.law)
    assert broken, f"{mutant.law} holds for it"
    assert any(mutant.says in message for message in broken.values()), broken
