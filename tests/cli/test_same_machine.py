"""A command that a message proposes about this machine goes to this machine, though the settings name a cluster."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.test_bad_input import SERVE
from tests.support.command import Ran, Run

PROPOSED = re.compile(r"`(llmwright [^`]*)`")
Write = Callable[..., Path]


@pytest.fixture
def run(run: Run, written: Write) -> Run:
    """As ``run``; without ``--target`` a cluster is asked, whose API server does not answer."""
    written("target: kubernetes\n", "llmwright.yaml")
    return run


def proposed(ran: Ran) -> list[str]:
    return PROPOSED.findall(ran.err)


@pytest.mark.parametrize(
    ("arguments", "commands"),
    [
        (("describe", "nobody"), ["llmwright get -A --target local"]),
        (("describe", "NO BODY"), ["llmwright get -A --target local"]),
        (("chat", "nobody", "hi", "-n", "models"), ["llmwright get -A --target local"]),
        (("rollout", "history", "mine"), ["llmwright apply -f FILE --target local"]),
        (
            ("rollout", "undo", "mine", "-n", "models"),
            ["llmwright apply -f FILE --target local -n models"],
        ),
    ],
)
def test_it_names_this_machine(run: Run, arguments: tuple[str, ...], commands: list[str]) -> None:
    ran = run(*arguments, "--target", "local")
    assert (ran.code != 0, proposed(ran)) == (True, commands), ran.err


def test_it_does_what_it_says(run: Run, here: Path) -> None:
    folder = here.parent / "state/workspaces/models/broken"
    folder.mkdir(parents=True)
    (folder / "workspace.json").write_text("{")
    broken = run("describe", "broken", "--target", "local", "-n", "models")
    assert proposed(broken) == ["llmwright delete broken --target local -n models"]
    (folder / "workspace.json").write_text('{"version": 1, "body": {}}')
    misread = run("describe", "broken", "--target", "local", "-n", "models")
    assert proposed(misread) == proposed(broken)
    mended = run(*shlex.split(proposed(broken)[0])[1:])
    assert (mended.code, folder.exists()) == (0, False), mended.err
    (listing,) = proposed(run("describe", "broken", "--target", "local"))
    listed = run(*shlex.split(listing)[1:])
    assert (listed.code, listed.err) == (0, "no Workspaces\n"), listed.err


def test_verbs_of_this_machine_need_no_option(run: Run, written: Write, here: Path) -> None:
    two = written(f"{SERVE}---\n{SERVE.replace('mine', 'other')}", "my two.yaml")
    assert proposed(run("run", two.name)) == ["llmwright apply -f 'my two.yaml' --target local"]
    missing = proposed(run("bench", "nobody", "-n", "models", "--target", "local"))
    assert missing == ["llmwright get -A --target local", "llmwright bench nobody --cluster -n models"]


def test_settings_of_a_file_stay(run: Run, here: Path) -> None:
    (here / "my settings.yaml").write_text(f"stateDirectory: {here.parent / 'state'}\n")
    missing = run("--settings", "my settings.yaml", "describe", "nobody")
    assert proposed(missing) == ["llmwright --settings 'my settings.yaml' get -A"]
    listed = run(*shlex.split(proposed(missing)[0])[1:])
    assert listed.code == 0, listed.err
