"""The contracts fail on every mutant, by the law that it breaks, and pass every correct plugin."""

from __future__ import annotations

from pathlib import Path

import pytest
from core.tests.testing.support.mutants import PLUGINS, Mutant, broken_laws, mutants, write, write_plugin

NAMES = sorted(path.name for path in PLUGINS.iterdir())


@pytest.mark.parametrize("plugin", NAMES)
def test_a_correct_plugin_passes(plugin: str, tmp_path: Path) -> None:
    assert broken_laws(write_plugin(plugin, tmp_path)) == {}


@pytest.mark.parametrize("mutant", [each for name in NAMES for each in mutants(name)], ids=str)
def test_a_mutant_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    broken = broken_laws(write(mutant, tmp_path), mutant.law)
    assert broken, f"{mutant.law} holds for it"
    assert any(mutant.says in message for message in broken.values()), broken
