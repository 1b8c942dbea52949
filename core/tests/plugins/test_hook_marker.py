"""Typed marks: mypy --strict holds a plugin author's function against the hook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from llmwright.plugins import hookimpl
from llmwright.plugins.registry import HOOKS

ROOT = Path(__file__).parents[3]

HEAD = """\
from __future__ import annotations

from collections.abc import Iterator
from importlib.resources.abc import Traversable
from typing import Any

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import Problem
from llmwright.plugins import hookimpl
from llmwright.values.plan import Plan
from llmwright.values.preset import Preset

"""
RIGHT = {
    "all": "@hookimpl.check_workspace\ndef f(workspace: Workspace, plan: Plan | None, preset: Preset | None)"
    " -> Iterator[Problem]:\n    yield Problem('a', 'b')",
    "some": "@hookimpl.check_workspace\ndef f(workspace: Workspace, preset: Preset | None) -> list[Problem]:\n"
    "    return []",
    "manifests": "@hookimpl.manifests\ndef f(workspace: Workspace, objects: tuple[Any, ...]) -> tuple[Any, ...]:\n"
    "    return objects",
    "status": "@hookimpl.status_changed\n"
    "def f(workspace: Workspace, old: WorkspaceStatus | None, new: WorkspaceStatus) -> None:\n    print(new.state)",
    "presets": "@hookimpl.presets\ndef f() -> list[Traversable]:\n    return []",
    "by_name": "@hookimpl\ndef check_workspace(workspace: Workspace) -> list[Problem]:\n    return []",
}
WRONG = {
    "parameter": (
        "@hookimpl.check_workspace\ndef f(workspace: dict[str, str]) -> list[Problem]:\n    return []",
        ('"check_workspace" of "HookMarker" has incompatible type', "Callable[[Workspace], Iterable[Problem]]"),
    ),
    "answer": (
        "@hookimpl.check_workspace\ndef f(workspace: Workspace) -> list[str]:\n    return []",
        ('incompatible type "Callable[[Workspace], list[str]]"', "Iterable[Problem]"),
    ),
    "may_be_none": (
        "@hookimpl.check_workspace\ndef f(preset: Preset) -> list[Problem]:\n    return []",
        ('incompatible type "Callable[[Preset], list[Problem]]"', "Preset | None"),
    ),
    "misspelt": (
        "@hookimpl.check_workspce\ndef f(workspace: Workspace) -> list[Problem]:\n    return []",
        ('"HookMarker" has no attribute "check_workspce"', 'maybe "check_workspace"?'),
    ),
}


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The errors of ``mypy --strict`` by file: one run for all, in which the core is followed once."""
    folder = tmp_path_factory.mktemp("authors")
    for name, code in {**RIGHT, **{name: code for name, (code, _) in WRONG.items()}}.items():
        (folder / f"{name}_plugin.py").write_text(f"{HEAD}\n{code}\n")
    (folder / "policy_plugin.py").write_text((ROOT / "examples/plugins/policy/acme_policy.py").read_text())
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--strict",
        "--config-file",
        "/dev/null",
        "--no-error-summary",
        str(folder),
    ]
    done = subprocess.run([*command, "--cache-dir", str(folder / "cache")], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return {
        file.stem.removesuffix("_plugin"): "\n".join(line for line in lines if file.name in line)
        for file in folder.glob("*.py")
    }


@pytest.mark.parametrize("name", [*RIGHT, "policy"])
def test_a_right_answer_passes(errors: dict[str, str], name: str) -> None:
    assert errors[name] == ""


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_told_what_is_expected(errors: dict[str, str], name: str) -> None:
    for words in WRONG[name][1]:
        assert words in errors[name]


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_each_hook_has_a_typed_mark(hook: str) -> None:
    def answer() -> list[str]:
        return []

    marked = getattr(hookimpl, hook)(answer)
    assert marked is answer
    assert vars(marked)["llmwright_impl"]["specname"] == hook
