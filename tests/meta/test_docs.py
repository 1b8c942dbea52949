"""What the documents show works: commands exist, Workspaces are valid, links lead somewhere, marked blocks run.

A block of bash that follows the line ``<!-- run -->`` is run here, all blocks of one document in order, in an empty
directory that holds ``examples/``. Those after ``<!-- run in a clone -->`` and
``<!-- run as the tutorial -->`` are run by ``tests/packaging``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml
from tests.support.documents import DOCUMENTS, FENCE, ROOT, blocks, name, script
from tests.support.page_picture import mark

from llmwright.cli.root import root as cli

LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_commands_exist(document: Path) -> None:
    shell = [block.text for block in blocks(document) if block.language in {"bash", "sh", "console", ""}]
    found = [words for text in shell for words in re.findall(r"^\$? ?llmwright\s+(.+)$", text, re.MULTILINE)]
    context = click.Context(cli)
    for words in found:
        verb = next((word for word in re.sub(r"--(settings|no-plugin|presets)\s+\S+", "", words).split()), "")
        assert verb.startswith("-") or verb in cli.list_commands(context), f"llmwright {words}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_yaml_is_yaml_and_workspaces_are_workspaces(document: Path, tmp_path: Path) -> None:
    for block in blocks(document):
        if block.language == "yaml" and not block.title:  # files with a title are checked by what runs them
            for content in yaml.safe_load_all(block.text):
                assert content is not None
                if isinstance(content, dict) and content.get("kind") == "Workspace":
                    file = tmp_path / "workspace.yaml"
                    file.write_text(block.text)
                    done = llmwright("check", "-f", str(file), cwd=tmp_path)
                    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_python_is_python(document: Path) -> None:
    for block in blocks(document):
        if block.language == "python":
            compile(block.text, name(document), "exec")


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_each_table_has_its_heading(document: Path) -> None:
    """An empty line within a table makes text of what follows."""
    begun = re.findall(r"(?:^|\n\n)(\|.*)\n(.*)", FENCE.sub("", document.read_text(encoding="utf-8")))
    assert [row for row, below in begun if not re.fullmatch(r"(\|:?-+:?)+\|", below)] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_commands_install_our_packages_from_wheels(document: Path) -> None:
    """Nothing of ours is on an index yet: such a command would fail as it is printed."""
    shell = [block.text for block in blocks(document) if block.language in {"bash", "console"}]
    lines = [line for text in shell for line in text.splitlines() if re.search(r"pip install .*llmwright\[", line)]
    assert [line for line in lines if "dist/*.whl" not in line] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document: Path) -> None:
    links = [link for link in LINK.findall(FENCE.sub("", document.read_text())) if not link.startswith("<")]
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if script(d, "run")], ids=name)
def test_marked_blocks_run(document: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path, "HOME": str(tmp_path), "LLMWRIGHT_STATE_DIRECTORY": str(tmp_path / "state")}
    done = bash(script(document, "run"), tmp_path, environ)
    # A script that failed may have left a server.
    bash("llmwright delete --all -A", tmp_path, environ)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.yaml")), ids=name)
def test_example_workspaces_are_valid(example: Path) -> None:
    done = llmwright("check", "-f", str(example), cwd=ROOT)
    assert done.returncode == 0, done.stdout


def bash(text: str, cwd: Path, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["bash", "-euo", "pipefail", "-c", text]
    return subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)


def llmwright(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("llmwright")
    return subprocess.run([command, *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def test_the_picture_of_the_page_shows_the_page_that_there_is() -> None:
    """``tests.support.page_picture`` makes it, and writes into it of which page it is."""
    picture = (ROOT / "docs/images/page.png").read_bytes()
    assert mark() in picture, "python -m tests.support.page_picture docs/images/page.png"
