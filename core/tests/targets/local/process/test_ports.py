"""Ports that are taken."""

from __future__ import annotations

import os
import signal
import socket
from urllib.parse import urlsplit

from core.tests.targets.local.support.launches import make_workspace, python, serving
from core.tests.targets.local.support.machine import PATIENCE_S, Machine, condition_of, get_text
from tests.support.plans import make_plan

from llmwright.targets.local import LocalOptions
from llmwright.targets.local.process.child import MARK
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


def test_a_thief_that_answers_makes_nothing_ready(machine: Machine) -> None:
    """The server is slow to bind, and another program answers on its port meanwhile: it gets another port."""
    thief = (
        "import http.server, sys\n"
        "class Handler(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self): self.send_response(200); self.end_headers(); self.wfile.write(b'thief')\n"
        "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler).serve_forever()\n"
    )
    steals = machine.root.parent / "stolen"
    code = f"""
import os, pathlib, subprocess, sys, time
stolen = pathlib.Path({str(steals)!r})
if not stolen.exists():
    env = {{name: value for name, value in os.environ.items() if name != {MARK!r}}}
    thief = subprocess.Popen([sys.executable, "-c", {thief!r}, sys.argv[2]], env=env, start_new_session=True)
    stolen.write_text(str(thief.pid))
    time.sleep(1.0)
    sys.exit("address already in use")
{serving().main.argv[2]}"""
    launch = Launch(main=python("serve", code, "$(host)", "$(port.http)", "mine"), ports={"http": 1})
    machine.target.apply(make_workspace(), make_plan(serving=launch))
    try:
        assert get_text(str(machine.wait("Ready").endpoint)) == "mine"
    finally:
        os.kill(int(steals.read_text()), signal.SIGKILL)
