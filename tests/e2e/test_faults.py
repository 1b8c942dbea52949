"""What goes wrong by mistake or by accident: one clear line, nothing left over, and the next command repairs."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest
from tests.e2e.conftest import SERVER, SUPERVISOR, TIMEOUT, TRAINER, House, answer, until

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
def test_a_data_set_that_cannot_be_used_ends_a_run_at_once(fault: str, house: House) -> None:
    text, place = FAULTS[fault]
    house.write(text, f"{fault}.jsonl")
    ran = house("run", house.tune(data=f"{fault}.jsonl"))
    errors = [line for line in ran.err.splitlines() if line.startswith("error:")]
    assert ran.code == 2, ran
    assert len(errors) == 1
    assert f"{fault}.jsonl" in errors[0]
    assert place in errors[0]
    assert "Traceback" not in ran.told
    house.comes_to_rest()


def test_data_sets_that_cannot_be_used_are_told_to_who_waits(house: House) -> None:
    for fault, (text, _) in FAULTS.items():
        house.write(text, f"{fault}.jsonl")
        house.ok("apply", "-f", house.tune(fault, data=f"{fault}.jsonl"))
    for fault, (_, place) in FAULTS.items():
        ran = house("wait", fault, "--for=condition=WorkspaceReady", TIMEOUT)
        assert ran.code == 2, ran
        assert len(ran.err.splitlines()) == 1
        assert f"{fault}.jsonl" in ran.err
        assert place in ran.err
        assert house.condition("PreflightSucceeded", fault)["reason"] == "InvalidInput"


def test_a_mended_data_set_is_taken_up(house: House) -> None:
    house.write("", "data.jsonl")
    file = house.tune(data="data.jsonl", steps=2, more="  onSuccess: release\n")
    house.ok("apply", "-f", file)
    assert house("wait", "mine", "--for=condition=WorkspaceSucceeded", TIMEOUT).code == 2
    house.write('{"prompt": "Who?", "completion": "Me"}\n', "data.jsonl")
    house.ok("apply", "-f", file)
    house.ok("wait", "mine", "--for=condition=WorkspaceSucceeded", TIMEOUT)


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield int(other.getsockname()[1])


def test_a_port_that_is_taken(house: House) -> None:
    with taken_port() as port:
        house.write(f"endpoints: {{ports: {{http: {port}}}}}\n", "llmwright.yaml")
        house.ok("apply", "-f", house.serve())
        for ran in (house("wait", "mine", "--for=condition=WorkspaceReady", TIMEOUT), house("run", "demo")):
            assert ran.code == 1, ran
            assert f"port {port} on 127.0.0.1 is taken by another program" in ran.err
            assert "Traceback" not in ran.told
    house.ok("apply", "-f", house.serve())
    assert house.ready().endswith(f":{port}")


def test_two_that_apply_the_same_name_at_once(house: House) -> None:
    file = house.serve()
    outs = [house.work / f"out-{number}" for number in range(2)]
    with house.started("apply", "-f", file, out=outs[0]) as one, house.started("apply", "-f", file, out=outs[1]) as two:
        assert (one.wait(60), two.wait(60)) == (0, 0)
    told = sorted(out.read_text().split()[-1] for out in outs)
    assert told == ["created", "unchanged"]
    house.ready()
    assert len(house.processes(SUPERVISOR)) == 1
    assert len(house.processes(SERVER)) == 1


def test_a_supervisor_that_is_killed_is_replaced_by_the_next_command(house: House) -> None:
    house.ok("apply", "-f", house.serve())
    endpoint = house.ready()
    (supervisor,) = house.processes(SUPERVISOR)
    supervisor.kill()
    until(lambda: supervisor not in house.processes(), "it is gone")
    ran = house("get")
    assert ran.code == 0
    assert "default/mine had lost its supervisor and was taken up again" in ran.err
    assert house.ready() == endpoint
    assert answer(endpoint, "demo", "Who are you?")
    assert len(house.processes()) == 2


def test_deleted_while_it_is_tuned(house: House) -> None:
    house.ok("apply", "-f", house.tune(steps=2000))
    until(lambda: "step 1/2000" in house.log("tuning.tune"), "it is being tuned")
    assert house.processes(TRAINER)
    assert house.ok("delete", "mine") == 'workspace.kaito.sh "mine" deleted\n'
    house.comes_to_rest()
    assert not house.folder().exists()
