"""Our answers at admission are upstream's or listed, and the runner reports differences."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.kaito_facts import VALIDATION

ROOT = Path(__file__).resolve().parents[2]
RUNNER = ROOT / "tests" / "conformance" / "run.py"

CASE: dict[str, Any] = {
    "id": "made-up",
    "kind": "Workspace",
    "operation": "create",
    "object": {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "ws", "namespace": "default"},
        "resource": {
            "instanceType": "Standard_NC24ads_A100_v4",
            "labelSelector": {"matchLabels": {"apps": "test"}},
        },
        "inference": {"preset": {"name": "phi-4"}},
    },
    "old_object": None,
    "env": {"cloud_provider": "azure", "feature_gates": {}},
    "expect": "valid",
    "error_field": [],
    "upstream_error": "",
}


def run(cases: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RUNNER), "validation", str(cases), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write(directory: Path, *changes: dict[str, Any]) -> Path:
    path = directory / "cases.jsonl"
    path.write_text("\n".join(json.dumps({**CASE, **change}) for change in changes))
    return path


@pytest.mark.skipif(not VALIDATION.is_file(), reason="upstream's sampled verdicts are not beside this checkout")
def test_all_given_verdicts_are_ours_or_listed() -> None:
    done = run(VALIDATION, "-v")
    assert done.returncode == 0, done.stdout
    *listed, summary = done.stdout.splitlines()
    assert ", 0 failed, " in summary
    assert len(listed) <= 5, listed


def test_a_difference_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    done = run(write(tmp_path, {}, {"id": "other", "expect": "invalid", "error_field": ["resource.count"]}))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "other: expected invalid ['resource.count'], got valid",
        "1 passed, 1 failed, 0 listed, 0 skipped",
    ]


def test_the_field_must_be_the_right_one(tmp_path: Path) -> None:
    wrong = json.loads(json.dumps(CASE["object"]))
    wrong["metadata"]["name"] = "UPPER"
    named = {"object": wrong, "expect": "invalid"}
    cases = write(
        tmp_path,
        {**named, "error_field": ["name"]},
        {**named, "error_field": []},
        {**named, "error_field": ["resource.count"]},
    )
    assert run(cases).stdout.splitlines()[-1] == "2 passed, 1 failed, 0 listed, 0 skipped"


def test_an_upstream_panic_wants_any_clean_error(tmp_path: Path) -> None:
    broken = json.loads(json.dumps(CASE["object"]))
    broken["inference"]["adapters"] = [{"strength": "0.5"}]
    panic = {"object": broken, "expect": "invalid", "upstream_error": "PANIC: nil", "error_field": ["nonsense"]}
    assert run(write(tmp_path, panic)).returncode == 0


def test_other_kinds_are_skipped(tmp_path: Path) -> None:
    done = run(write(tmp_path, {"kind": "InferenceSet"}))
    assert done.stdout.strip() == "0 passed, 0 failed, 0 listed, 1 skipped"


def test_every_listed_rule_stands_in_the_docs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    from tests.conformance.admission_cases import RULES

    text = (ROOT / "docs" / "kaito-differences.md").read_text()
    assert 0 < len(RULES) <= 4
    for rule in RULES:
        assert f"`{rule.name}`" in text
