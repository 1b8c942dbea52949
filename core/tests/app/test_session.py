"""How a session writes commands down, for messages that propose one."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmwright.app.session import AS_PLUGIN, Session


@pytest.mark.parametrize(
    ("session", "command"),
    [
        (Session(), "llmwright get"),
        (Session(chosen_target="local"), "llmwright get --target local"),
        (Session(chosen_target="kubernetes"), "llmwright get --target kubernetes"),
        (Session(program=AS_PLUGIN, chosen_target="kubernetes"), "kubectl llmwright get"),
        (Session(program=AS_PLUGIN, chosen_target="local"), "kubectl llmwright get --target local"),
        (Session(settings_file="my settings.yaml", chosen_target="local"),
         "llmwright --settings 'my settings.yaml' get --target local"),
    ],
)  # fmt: skip
def test_a_command_is_written_as_this_one_was(work: Path, session: Session, command: str) -> None:
    assert session.written_place.command("get") == command


def test_a_command_about_this_machine_stays_here_whatever_the_others_mean(work: Path) -> None:
    assert Session().this_machine.command("chat mine") == "llmwright chat mine"
    assert Session(context="prod").this_machine.command("chat mine") == "llmwright chat mine --target local"
