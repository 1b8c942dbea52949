"""``llmwright plugins new``: a plugin that passes its own tests as soon as it is installed."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

from llmwright.cli.plugin_template import KINDS, plugin_files
from llmwright.errors import ConfigError

INSTALL = ("-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation", "-e", ".")


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_its_tests_once_it_is_installed(installed: Any, kind: str, tmp_path: Path) -> None:
    new = installed.llmwright("plugins", "new", kind, "acme-blue", cwd=tmp_path)
    folder = tmp_path / f"llmwright-{kind}-acme-blue"
    done = installed.python(*INSTALL, cwd=folder)
    assert done.returncode == 0, done.stderr

    try:
        tests = installed.python("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=folder)
        shown = installed.llmwright("plugins", "list", "--check", cwd=folder)
    finally:
        # Else a policy judges what the other tests of this environment do.
        installed.python("-m", "pip", "uninstall", "-q", "-y", folder.name, cwd=folder)

    assert "pip install -e '.[test]' && pytest" in new.stderr
    assert tests.returncode == 0, tests.stdout
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "acme-blue" in shown.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_every_spelling_of_the_template_gives_way_to_the_name(kind: str) -> None:
    contents = plugin_files(kind, "acme-blue")

    text = "\n".join([*map(str, contents), *contents.values()])
    assert "template" not in text.lower()
    assert {Path("pyproject.toml"), Path("README.md"), Path(".github/workflows/test.yml")} <= contents.keys()
    assert "acme_blue" in text


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_has_less_than_a_hundred_lines_of_code(kind: str) -> None:
    """Without its tests, blank lines, comments and docstrings."""
    modules = [text for path, text in plugin_files(kind, "acme").items() if path.parts[0].startswith("llmwright_")]
    assert sum(code_lines(text) for text in modules) < 100


def code_lines(text: str) -> int:
    """Count the lines of a module that hold code; none of a file that is no Python."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return 0
    silent = {number for number, line in enumerate(text.splitlines(), 1) if line.strip()[:1] in ("", "#")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            silent |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(text.splitlines()) - len(silent)


@pytest.mark.parametrize("name", ["Acme", "acme_blue", "acme--blue", "-acme", "acme-", "1acme", "", "acme blue", "ä"])
def test_a_name_that_no_plugin_can_have_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a plugin's name"):
        plugin_files("runtime", name)


def test_nothing_that_is_there_is_replaced(installed: Any, tmp_path: Path) -> None:
    kept = tmp_path / "mine/notes.txt"
    kept.parent.mkdir()
    kept.write_text("mine")

    done = installed.llmwright("plugins", "new", "tuner", "acme", "--directory", "mine", cwd=tmp_path)

    assert done.returncode == 2
    assert "mine is there already" in done.stderr
    assert [path.name for path in kept.parent.iterdir()] == ["notes.txt"]
