"""Mistakes and accidents: one clear line, no process left over, and the next command repairs."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest
from tests.e2e.support.sandbox import PATIENCE_S, SERVER, SUPERVISOR, TIMEOUT, TRAINER, Sandbox
from tests.e2e.support.served_model import answer_of
from tests.support.waiting import wait_until

FAULTS = {
    "empty": ("", "is empty"),
    "columns": ('{"question": "Who?", "reply": "Me"}\n', "line 1"),
    "long": (
        '{"prompt": "Who?", "completion": "Me"}\n' * 2 + json.dumps({"prompt": "so " * 900, "completion": "?"}) + "\n",
        "line 3",
    ),
    "broken": ('{"prompt": "Who?", "completion": "Me"}\n{"prompt": \n', "line 2"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_data_set_that_cannot_be_used_ends_a_run_at_once(fault: str, sandbox: Sandbox) -> None:
    text, place = FAULTS[fault]
    sandbox.write(text, f"{fault}.jsonl")
    result = sandbox.run("run", sandbox.tune(data=f"{fault}.jsonl"))
    errors = [line for line in result.err.splitlines() if line.startswith("error:")]
    assert result.code == 2, result
    assert len(errors) == 1
    assert f"{fault}.jsonl" in errors[0]
    assert place in errors[0]
    assert "Traceback" not in result.output
    sandbox.wait_until_idle()


def test_data_sets_that_cannot_be_used_end_a_wait(sandbox: Sandbox) -> None:
    for fault, (text, _) in FAULTS.items():
        sandbox.write(text, f"{fault}.jsonl")
        sandbox.ok("apply", "-f", sandbox.tune(fault, data=f"{fault}.jsonl"))
    for fault, (_, place) in FAULTS.items():
        result = sandbox.run("wait", fault, "--for=condition=WorkspaceReady", TIMEOUT)
        assert result.code == 2, result
        assert len(result.err.splitlines()) == 1
        assert f"{fault}.jsonl" in result.err
        assert place in result.err
        assert sandbox.condition("PreflightSucceeded", fault)["reason"] == "InvalidInput"


def test_a_mended_data_set_is_taken_up(sandbox: Sandbox) -> None:
    sandbox.write("", "data.jsonl")
    file = sandbox.tune(data="data.jsonl", steps=2, more="  onSuccess: release\n")
    sandbox.ok("apply", "-f", file)
    assert sandbox.run("wait", "mine", "--for=condition=WorkspaceSucceeded", TIMEOUT).code == 2
    sandbox.write('{"prompt": "Who?", "completion": "Me"}\n', "data.jsonl")
    sandbox.ok("apply", "-f", file)
    sandbox.ok("wait", "mine", "--for=condition=WorkspaceSucceeded", TIMEOUT)


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    """A port that another program listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def test_a_port_that_is_taken(sandbox: Sandbox) -> None:
    with taken_port() as port:
        sandbox.write(f"endpoints: {{ports: {{http: {port}}}}}\n", "llmwright.yaml")
        sandbox.ok("apply", "-f", sandbox.serve())
        for result in (
            sandbox.run("wait", "mine", "--for=condition=WorkspaceReady", TIMEOUT),
            sandbox.run("run", "demo"),
        ):
            assert result.code == 1, result
            assert f"port {port} on 127.0.0.1 is taken by another program" in result.err
            assert "Traceback" not in result.output
    sandbox.ok("apply", "-f", sandbox.serve())
    assert sandbox.ready().endswith(f":{port}")


def test_two_that_apply_the_same_name_at_once(sandbox: Sandbox) -> None:
    file = sandbox.serve()
    outs = [sandbox.work / f"out-{number}" for number in range(2)]
    with (
        sandbox.background("apply", "-f", file, out=outs[0]) as first,
        sandbox.background("apply", "-f", file, out=outs[1]) as second,
    ):
        assert (first.wait(60), second.wait(60)) == (0, 0)
    changes = sorted(out.read_text().split()[-1] for out in outs)
    assert changes == ["created", "unchanged"]
    sandbox.ready()
    assert len(sandbox.processes(SUPERVISOR)) == 1
    assert len(sandbox.processes(SERVER)) == 1


def test_a_supervisor_that_is_killed_is_replaced_by_the_next_command(sandbox: Sandbox) -> None:
    sandbox.ok("apply", "-f", sandbox.serve())
    endpoint = sandbox.ready()
    (supervisor,) = sandbox.processes(SUPERVISOR)
    supervisor.kill()
    wait_until(lambda: supervisor not in sandbox.processes(), "it is gone", PATIENCE_S)
    result = sandbox.run("get")
    assert result.code == 0
    assert "default/mine had lost its supervisor and was taken up again" in result.err
    assert sandbox.ready() == endpoint
    assert answer_of(endpoint, "demo", "Who are you?")
    assert len(sandbox.processes()) == 2


def test_deleted_while_it_is_tuned(sandbox: Sandbox) -> None:
    sandbox.ok("apply", "-f", sandbox.tune(steps=2000))
    wait_until(lambda: "step 1/2000" in sandbox.log("tuning.tune"), "it is being tuned", PATIENCE_S)
    assert sandbox.processes(TRAINER)
    assert sandbox.ok("delete", "mine") == 'workspace.kaito.sh "mine" deleted\n'
    sandbox.wait_until_idle()
    assert not sandbox.folder().exists()
