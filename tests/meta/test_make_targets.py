"""People, CI, the forge's workflows and the commit hooks run the same targets of one Makefile."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.documents import DOCUMENTS, blocks, name

RULE = re.compile(r"^([a-z][a-z0-9-]*):([^#\n]*)(?:## (\S.*))?$", re.MULTILINE)
CALL = re.compile(r"(?:^|[;&|] *|sudo )make (?:-\S+ )*([a-z][a-z0-9-]*)", re.MULTILINE)
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


@pytest.fixture(scope="module")
def rules(root: Path) -> dict[str, tuple[str, str]]:
    """What each target needs, and how it describes itself."""
    return {name: (needs, about) for name, needs, about in RULE.findall((root / "Makefile").read_text())}


@pytest.fixture(scope="module")
def workflows(root: Path) -> dict[str, dict[str, Any]]:
    return {file.name: yaml.safe_load(file.read_text()) for file in (root / ".github/workflows").glob("*.yml")}


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_every_target_describes_itself(rules: dict[str, tuple[str, str]]) -> None:
    assert [target for target, (_, about) in rules.items() if not about] == []


def test_workflows_call_real_targets(workflows: dict[str, dict[str, Any]], rules: dict[str, tuple[str, str]]) -> None:
    scripts = [step["run"] for workflow in workflows.values() for step in steps(workflow) if "run" in step]
    called = [target for script in scripts for target in CALL.findall(script)]
    assert {"test", "coverage", "docs", "release-check"} <= {*called}
    assert [script for script in scripts if not CALL.search(script)] == []
    assert {*called} - rules.keys() == set()


def test_workflows_run_every_python_that_is_supported(workflows: dict[str, dict[str, Any]]) -> None:
    assert workflows["ci.yml"]["jobs"]["test"]["strategy"]["matrix"]["python"] == PYTHONS


def test_workflows_may_read_and_no_more(workflows: dict[str, dict[str, Any]]) -> None:
    assert {file: workflow["permissions"] for file, workflow in workflows.items()} == {
        file: {"contents": "read"} for file in workflows
    }
    assert [job for workflow in workflows.values() for job in workflow["jobs"].values() if "permissions" in job] == []


def test_actions_are_pinned_by_major_version(workflows: dict[str, dict[str, Any]]) -> None:
    used = [step["uses"] for workflow in workflows.values() for step in steps(workflow) if "uses" in step]
    assert [action for action in used if not re.fullmatch(r"actions/[\w-]+@v\d+", action)] == []


def test_the_hooks_are_the_parts_of_lint(root: Path, rules: dict[str, tuple[str, str]]) -> None:
    (repo,) = yaml.safe_load((root / ".pre-commit-config.yaml").read_text())["repos"]
    assert repo["repo"] == "local"
    entries = [hook["entry"].split() for hook in repo["hooks"]]
    assert [entry[-1] for entry in entries] == rules["lint"][0].split()
    assert {tuple(entry[:-1]) for entry in entries} == {("make", "-s")}


def test_ci_calls_real_targets(root: Path, rules: dict[str, tuple[str, str]]) -> None:
    called = CALL.findall(re.sub(r"^ +", "", (root / ".ci/run").read_text(), flags=re.MULTILINE))
    assert {"test", "audit", "quickstart"} <= {*called}
    assert {*called} - rules.keys() == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_documents_name_real_targets(document: Path, rules: dict[str, tuple[str, str]]) -> None:
    fenced = "\n".join(block.text for block in blocks(document) if block.language in {"bash", "console", "sh", ""})
    named = CALL.findall(fenced.replace("$ ", "")) + re.findall(r"`make ([a-z][a-z0-9-]*)[^`]*`", document.read_text())
    assert {*named} - rules.keys() == set()
