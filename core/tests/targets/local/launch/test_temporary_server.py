"""A server for the time of a block."""

from __future__ import annotations

import pytest
from core.tests.targets.local.support.launches import python, serving
from core.tests.targets.local.support.machine import Machine, get_text

from llmwright.errors import TargetError
from llmwright.targets.local.launch.temporary_server import temporary_server
from llmwright.values.launch import Launch


def test_a_temporary_server_answers_and_ends_with_the_block(machine: Machine) -> None:
    with temporary_server(serving("base"), machine.options) as endpoint:
        assert get_text(endpoint) == "base"
    with pytest.raises(OSError, match="refused"):
        get_text(endpoint)


def test_a_temporary_server_that_fails_names_its_error(machine: Machine) -> None:
    broken = Launch(main=python("serve", "import sys; sys.exit('error: no room for the model')"), ports={"http": 1})
    with pytest.raises(TargetError, match="no room for the model"), temporary_server(broken, machine.options):
        pass
