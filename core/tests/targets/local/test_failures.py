"""What fails, whose fault it is, and what the status says."""

from __future__ import annotations

import errno
import json
import os
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from core.tests.targets.local.conftest import (
    PATIENCE_S,
    Machine,
    failing,
    get_text,
    make_plan,
    make_workspace,
    python,
    serving,
    tuning,
    until,
)

from llmwright.api.status import WorkspaceStatus
from llmwright.errors import ConfigError, TargetError
from llmwright.targets.local import LocalOptions, LocalTarget
from llmwright.values.launch import Launch, Mount, Volume


def failed(machine: Machine) -> WorkspaceStatus:
    """The status once the Workspace has failed."""
    with pytest.raises((ConfigError, TargetError)):
        machine.wait("Ready")
    return machine.status()


def message(status: WorkspaceStatus, kind: str) -> tuple[str, str]:
    """Reason and message of a condition."""
    found = status.condition(kind)
    assert found is not None
    return found.reason, found.message


def test_a_users_mistake_is_not_tried_again(machine: Machine) -> None:
    code = """
    import pathlib, sys
    with (pathlib.Path(sys.argv[1]) / "starts").open("a") as file: file.write("x")
    print("reading", flush=True)
    print("error: data.jsonl row 7: the column 'prompt' is missing\\n  hint: rename it", file=sys.stderr)
    sys.exit(2)
    """
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=failing(code)))
    status = failed(machine)
    words = "data.jsonl row 7: the column 'prompt' is missing hint: rename it"
    assert message(status, "Stalled") == ("InvalidInput", f"tuning job failed: {words}")
    assert status.state == "Failed"
    assert (machine.results() / "starts").read_text() == "x"
    until(lambda: not machine.supervisors(), "the supervisor ended")


def test_applying_a_failed_workspace_again_tries_again(machine: Machine) -> None:
    code = """
    import pathlib, sys
    data = pathlib.Path(sys.argv[1]) / "data"
    sys.exit(0 if data.exists() else 2)
    """
    plan = make_plan(tuning=failing(code))
    machine.target.apply(make_workspace(tuned=True), plan)
    failed(machine)
    (machine.results() / "data").touch()
    assert machine.target.apply(make_workspace(tuned=True), plan) == "configured"
    assert machine.wait("Ready").state == "Succeeded"


def test_applying_a_failed_workspace_again_takes_a_new_plan(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=failing("import sys; sys.exit(2)")))
    failed(machine)
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=failing("print('mended')")))
    assert machine.wait("Ready").state == "Succeeded"


def test_trying_again_fetches_the_data_again(machine: Machine) -> None:
    source = machine.root.parent / "rows"
    source.write_text("wrong")
    copy = f"import pathlib, sys; pathlib.Path(sys.argv[1], 'rows').write_text(open({str(source)!r}).read())"
    read = "import pathlib, sys; sys.exit(0 if pathlib.Path(sys.argv[1], 'rows').read_text() == 'right' else 2)"
    data = (Volume(name="data"),)
    fetch = replace(python("fetch", copy, "$(volume.data)"), mounts=(Mount(volume="data", path="/mnt/data"),))
    train = Launch(main=python("train", read, "$(volume.data)"), volumes=data)
    plan = make_plan(preflight=Launch(main=fetch, volumes=data), tuning=train)
    machine.target.apply(make_workspace(tuned=True), plan)
    failed(machine)
    source.write_text("right")
    machine.target.apply(make_workspace(tuned=True), plan)
    assert machine.wait("Ready").state == "Succeeded"


def test_other_failures_are_tried_again_and_resume(machine: Machine) -> None:
    code = """
    import pathlib, sys
    starts = pathlib.Path(sys.argv[1]) / "starts"
    count = int(starts.read_text()) if starts.exists() else 0
    starts.write_text(str(count + 1))
    if count < 2:
        raise RuntimeError("the disk hiccupped")
    """
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=failing(code)))
    assert machine.wait("Ready").state == "Succeeded"
    assert (machine.results() / "starts").read_text() == "3"


def test_failing_to_the_end_names_the_cause(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=failing("raise RuntimeError('boom')")))
    assert message(failed(machine), "JobStarted") == ("ProcessFailed", "tuning job failed: RuntimeError: boom")


def test_a_killed_process_is_named(machine: Machine) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=failing(code)))
    assert message(failed(machine), "JobStarted") == ("Killed", "tuning job failed: train was ended by signal 9")


def test_a_server_that_keeps_crashing_is_told_and_comes_back(machine: Machine) -> None:
    gate = machine.root.parent / "gate"
    source = serving("back").main.argv[2]
    code = f"import os, sys\nif not os.path.exists({str(gate)!r}): sys.exit('cannot load the weights')\n{source}"
    launch = Launch(main=python("serve", code, "$(host)", "$(port.http)", "back"), ports={"http": 1})
    machine.target.apply(make_workspace(), make_plan(serving=launch))
    assert message(failed(machine), "InferenceReady") == ("ContainerCrashLoopBackOff", "cannot load the weights")
    gate.touch()
    until(lambda: machine.status().state == "Ready", "the server came back")


def test_a_program_that_is_not_there(machine: Machine) -> None:
    launch = Launch(main=type(python("x", ""))(name="train", argv=("no-such-program",)))
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=launch))
    assert "no-such-program cannot be run" in message(failed(machine), "JobStarted")[1]


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
        reason, words = message(failed(machine), "InferenceReady")
    assert reason == "PortTaken"
    assert str(port) in words
    assert machine.target.apply(make_workspace(), make_plan(serving=serving())) == "configured"
    assert machine.wait("Ready").endpoint == f"http://127.0.0.1:{port}"


def test_two_applies_at_once_are_one_after_the_other(machine: Machine) -> None:
    plan = make_plan(serving=serving())
    changes: list[str] = []
    threads = [
        threading.Thread(target=lambda: changes.append(machine.target.apply(make_workspace(), plan))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(changes) == ["created", "unchanged", "unchanged", "unchanged"]
    machine.wait("Ready")
    until(lambda: len(machine.supervisors()) == 1, "one supervisor is left")
    assert len(machine.processes()) == 1


@pytest.mark.parametrize("moment", ["preflight", "tuning", "serving", "failed"])
def test_deleting_at_any_moment_leaves_nothing(machine: Machine, moment: str) -> None:
    slow = Launch(main=python("check", "import time; time.sleep(600)"))
    roles: dict[str, Any] = {
        "preflight": {"preflight": slow, "tuning": tuning()},
        "tuning": {"tuning": tuning(steps=1000, pause=0.1)},
        "serving": {"serving": serving()},
        "failed": {"tuning": failing("import sys; sys.exit(2)")},
    }[moment]
    machine.target.apply(make_workspace(tuned=moment != "serving"), make_plan(**roles))
    if moment == "failed":
        failed(machine)
    else:
        until(machine.processes, "something runs")
    machine.target.delete("default", "demo", timeout_s=PATIENCE_S)
    assert machine.processes() == []
    until(lambda: not machine.supervisors(), "the supervisor ended")
    assert list(machine.target.list()) == []
    assert [path for path in machine.root.rglob("*") if path.is_file()] == [machine.root / "locks/default/demo"]


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(machine: Machine) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    machine.options = LocalOptions(tick_s=0.05, grace_s=0.2)
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=failing(stubborn)))
    until(lambda: "deaf" in list(machine.target.logs("default", "demo")), "it runs")
    machine.target.delete("default", "demo", timeout_s=PATIENCE_S)
    assert machine.processes() == []


def test_what_is_not_there_cannot_be_deleted(machine: Machine) -> None:
    with pytest.raises(TargetError, match="'nothing' is not there") as caught:
        machine.target.delete("default", "nothing")
    assert caught.value.reason == "NotFound"


def test_a_full_disk_is_said_and_changes_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.target.apply(make_workspace(), make_plan(serving=serving("kept")))
    machine.wait("Ready")

    def no_space(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(TargetError, match="no space left") as caught:
            machine.target.apply(make_workspace(), make_plan(inputs="2", serving=serving("lost")))
    assert caught.value.reason == "DiskFull"
    assert list((machine.root / "workspaces/default/demo").glob(".*")) == []
    endpoint = machine.wait("Ready").endpoint
    assert endpoint is not None
    assert get_text(endpoint) == "kept"


def test_state_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path)
    folder = tmp_path / "workspaces/default/demo"
    folder.mkdir(parents=True)
    (folder / "workspace.json").write_text(json.dumps({"version": 99, "body": {}}))
    for call in (lambda: target.get("default", "demo"), lambda: target.delete("default", "demo")):
        with pytest.raises(TargetError, match="newer LLMwright") as caught:
            call()
        assert caught.value.reason == "StateTooNew"
    assert target.repair() == ()


def test_damaged_state_can_be_deleted(tmp_path: Path) -> None:
    target = LocalTarget(tmp_path)
    folder = tmp_path / "workspaces/default/demo"
    folder.mkdir(parents=True)
    (folder / "workspace.json").write_text("{")
    for call in (lambda: target.get("default", "demo"), lambda: list(target.list())):
        with pytest.raises(TargetError, match="cannot be read"):
            call()
    target.delete("default", "demo")
    assert not folder.exists()
