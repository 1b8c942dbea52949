"""Mutants of real documents through every loader: success, or an error of ours with words, never anything else.

`python -m tests.fuzz KIND FIRST LAST` runs more of them; a failure prints its seed and the shortest input of its kind.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fuzz.judge import Run, failures
from tests.fuzz.targets import MODEL_KINDS, Targets

from llmwright.errors import LLMwrightError

FEW = {"workspace": 60, "state": 40, "hub": 60, "model directory": 60, "image": 30, **dict.fromkeys(MODEL_KINDS, 30)}
MANY = {"workspace": 100_000}
ROOT = Path(__file__).parents[2]
KINDS = (
    *("workspace", "settings", "preset", "training config", "method config", "hub", "model directory", "registry"),
    *("docker", "state", "image", "kubeconfig", "environment", *MODEL_KINDS),
)


@pytest.fixture
def targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Targets:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return Targets(tmp_path, ROOT)


@pytest.mark.parametrize("kind", KINDS)
def test_only_errors_of_ours_come_out(kind: str, targets: Targets) -> None:
    corpus, run = targets.kind(kind)
    # One of them passes to the end: else its mutants would be refused at the door.
    assert any(passes(run, text) for text in corpus)
    assert [str(failure) for failure in failures(kind, corpus, run, range(FEW.get(kind, 150)))] == []


def passes(run: Run, text: str) -> bool:
    try:
        run(text)
    except LLMwrightError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", KINDS)
def test_only_errors_of_ours_come_out_of_many(kind: str, targets: Targets) -> None:
    corpus, run = targets.kind(kind)
    assert [str(failure) for failure in failures(kind, corpus, run, range(MANY.get(kind, 10_000)))] == []
