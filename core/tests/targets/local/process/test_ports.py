"""Ports that are taken."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from core.tests.targets.local.support.launches import make_workspace, python, serving
from core.tests.targets.local.support.machine import PATIENCE_S, Machine, condition_of, get_text
from tests.support.plans import make_plan

from llmwright.targets.local import LocalOptions
from llmwright.values.launch import Launch


def test_a_taken_port_is_left_and_another_chosen(machine: Machine) -> None:
    machine.target.apply(make_workspace(), make_plan(serving=serving()))
    endpoint = machine.wait("Ready").endpoint
    assert endpoint is not None
    port = urlsplit(endpoint).port
    machine.target.stop("default", "demo", timeout_s=PATIENCE_S)
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port or 0))
        squatter.listen()
        machine.target.apply(make_workspace(), make_plan(serving=serving()))
        moved = machine.wait("Ready").endpoint
        assert moved is not None
        assert moved != endpoint
        assert get_text(moved) == "base"


def test_a_port_lost_between_choosing_and_binding(machine: Machine) -> None:
    """The server itself finds its port taken: it is given another."""
    source = serving().main.argv[2]
    seen = machine.root.parent / "ports"
    code = f"""
import sys
with open({str(seen)!r}, "a") as file: file.write(sys.argv[2] + "\\n")
if len(open({str(seen)!r}).readlines()) == 1:
    sys.exit("[Errno 98] error while attempting to bind on address: address already in use")
{source}"""
    launch = Launch(main=python("serve", code, "$(host)", "$(port.http)", "x"), ports={"http": 1})
    machine.target.apply(make_workspace(), make_plan(serving=launch))
    machine.wait("Ready")
    first, second = seen.read_text().split()
    assert first != second


def test_a_named_port_that_is_taken_is_an_error(machine: Machine) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        machine.options = LocalOptions(tick_s=0.05, ports={"http": port})
        machine.target.apply(make_workspace(), make_plan(serving=serving()))
        reason, message = condition_of(machine.wait_until_failed(), "InferenceReady")
    assert reason == "PortTaken"
    assert str(port) in message
    assert machine.target.apply(make_workspace(), make_plan(serving=serving())) == "configured"
    assert machine.wait("Ready").endpoint == f"http://127.0.0.1:{port}"
