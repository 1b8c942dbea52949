"""Mutants of real documents through every loader: success, or an error of ours with words, never anything else.

`python -m tests.fuzz KIND FIRST LAST` runs more of them; a failure prints its seed and the shortest input of its kind.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fuzz.judge import failures
from tests.fuzz.targets import Targets

FEW = {"workspace": 60, "state": 40, "hub": 60, "model directory": 60}
MANY = {"workspace": 100_000}
KINDS = (
    *("workspace", "settings", "preset", "training config", "method config", "hub", "model directory", "registry"),
    *("docker", "state"),
)


@pytest.fixture
def targets(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Targets:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return Targets(tmp_path, root)


@pytest.mark.parametrize("kind", KINDS)
def test_only_errors_of_ours_come_out(kind: str, targets: Targets) -> None:
    corpus, run = targets.kinds[kind]
    for text in corpus:
        run(text)
    assert [str(failure) for failure in failures(kind, corpus, run, range(FEW.get(kind, 150)))] == []


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", KINDS)
def test_only_errors_of_ours_come_out_of_many(kind: str, targets: Targets) -> None:
    corpus, run = targets.kinds[kind]
    assert [str(failure) for failure in failures(kind, corpus, run, range(MANY.get(kind, 10_000)))] == []
