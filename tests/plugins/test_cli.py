"""What a user sees of all those plugins through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

WORKSPACE = """
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata:
  name: demo
resource:
  labelSelector:
    matchLabels:
      apps: demo
inference:
  runtime: {runtime}
  preset:
    name: demo
"""

WITHOUT_HOOKS = ("--no-plugin", "hook-generator", "--no-plugin", "hook-first")
"""Leaves out the rules that break when they are asked."""


@pytest.fixture
def workspace(tmp_path: Path) -> Any:
    """Writes a Workspace that names a runtime, and returns its path."""

    def write(runtime: str) -> str:
        path = tmp_path / f"{runtime}.yaml"
        path.write_text(WORKSPACE.format(runtime=runtime))
        return str(path)

    return write


def llmwright(environment: Any, *arguments: str, **variables: str) -> Any:
    code = f"import sys; sys.argv = ['llmwright', *{list(arguments)!r}]; from llmwright.cli import main; main()"
    return environment.run(code, **variables)


def test_help_works_whatever_is_broken(environment: Any) -> None:
    done = llmwright(environment, "--help")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "Commands:" in done.stdout


def test_the_list_shows_each_state_and_imports_nothing(environment: Any) -> None:
    done = llmwright(environment, "plugins", "list", "-o", "json")
    states = {(row["name"], row["distribution"]): row["state"] for row in json.loads(done.stdout)}
    assert states["good", "acme-good"] == "found"
    assert states["twin", "twin-one"] == states["twin", "twin-two"] == "duplicate"
    assert states["future", "acme-future"] == "incompatible"
    # The crasher would end the process if it were imported.
    assert states["crasher", "acme-crasher"] == "found"
    assert done.returncode == 0


def test_a_blocked_plugin_is_listed_as_blocked(environment: Any) -> None:
    done = llmwright(environment, "--no-plugin", "acme-good", "plugins", "list", "-o", "json")
    assert {row["state"] for row in json.loads(done.stdout) if row["name"] == "good"} == {"blocked"}


def test_a_setting_blocks_too(environment: Any, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("blockedPlugins: [acme-good]\nallowedPlugins: [acme-talker]\n")
    done = llmwright(environment, "--settings", str(settings), "plugins", "list", "-o", "json")
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows["good"]["state"] == "blocked"
    assert rows["falsy"]["detail"] == "blocked: acme-falsy is not among the allowed distributions"
    assert rows["talker"]["state"] == rows["local"]["state"] == "found"


def test_checking_loads_shows_what_failed(environment: Any) -> None:
    done = llmwright(environment, "plugins", "list", "--check", "-o", "json")
    assert done.returncode == 1
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows["good"]["loads"] is True
    assert rows["broken"]["loads"] is False
    assert "libacme.so.7" in rows["broken"]["detail"]


@pytest.mark.parametrize(
    ("runtime", "said"),
    [
        ("vlm", "no runtime 'vlm' is installed; installed:"),
        ("twin", "is claimed by twin-one 1.0 (twin_one:Twin) and twin-two 1.0 (twin_two:Twin)"),
        ("broken", "ImportError: libacme.so.7: cannot open shared object file"),
        ("needy", "pip install not-there"),
        ("future", "needs interface v2, this llmwright reads v1"),
        ("bare", "lacks launch"),
    ],
)
def test_a_workspace_that_needs_a_broken_plugin_is_refused(
    environment: Any, workspace: Any, runtime: str, said: str
) -> None:
    done = llmwright(environment, *WITHOUT_HOOKS, "check", "-f", workspace(runtime))
    assert done.returncode == 2
    assert said in done.stdout
    assert "Traceback" not in done.stderr


def test_a_workspace_that_needs_none_of_them_only_hears_of_them(environment: Any, workspace: Any) -> None:
    done = llmwright(environment, *WITHOUT_HOOKS, "check", "-f", workspace("hf"))
    assert done.returncode == 0, done.stderr
    for name in ("hook-broken", "hook-misspelt", "hook-unmarked"):
        assert sum(f"{name} 1.0" in line for line in done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("hook", "said"), [("hook-generator", "KeyError: 'half way'"), ("hook-first", "with a str")])
def test_a_rule_that_cannot_be_asked_refuses(environment: Any, workspace: Any, hook: str, said: str) -> None:
    other = ({"hook-generator", "hook-first"} - {hook}).pop()
    done = llmwright(environment, "--no-plugin", other, "check", "-f", workspace("hf"))
    assert done.returncode == 2
    assert f"{hook} 1.0" in done.stdout
    assert said in done.stdout
    assert f"--no-plugin {hook}" in done.stdout
