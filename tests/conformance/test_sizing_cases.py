"""Our node counts are upstream's, and the runner reports differences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.sizing_cases import outcomes
from tests.support.kaito_facts import SIZING

CASE: dict[str, Any] = {
    "kind": "computed-by-upstream",
    "model": "microsoft/phi-4",
    "cloud": "azure",
    "sku": "Standard_NV36ads_A10_v5",
    "context": 2048,
    "model_file_size": "27.31Gi",
    "bytes_per_token": 204800,
    "expect_nodes": 2,
    "expect_error": False,
    "launch": {"tensor-parallel-size": "1", "pipeline-parallel-size": "2"},
}


def verdicts(directory: Path, *changes: dict[str, Any]) -> list[str]:
    path = directory / "cases.jsonl"
    path.write_text("\n".join(json.dumps({**CASE, **change}) for change in changes))
    return [outcome.verdict for outcome in outcomes(path, None)]


@pytest.mark.skipif(not SIZING.is_file(), reason="upstream's sampled verdicts are not beside this checkout")
def test_all_given_node_counts_are_ours() -> None:
    found = list(outcomes(SIZING, None))
    assert [outcome for outcome in found if outcome.verdict not in ("passed", "skipped")] == []
    assert sum(outcome.verdict == "skipped" for outcome in found) <= 2


def test_differences_are_noticed(tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"expect_nodes": 3},
        {"launch": {"tensor-parallel-size": "2"}},
        {"expect_error": True},
        {"sku": "Standard_Nothing"},
        {"sku": "Standard_Nothing", "expect_error": True},
        {"model": "acme/unknown"},
        {"kind": "formula"},
    ]
    assert verdicts(tmp_path, *changes) == [
        "passed", "failed", "failed", "failed", "failed", "passed", "passed", "skipped",
    ]  # fmt: skip
