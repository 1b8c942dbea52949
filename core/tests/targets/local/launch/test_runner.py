"""Processes that fail: which are started again, and what the status says."""

from __future__ import annotations

from core.tests.targets.local.support.launches import failing, make_workspace, python, serving
from core.tests.targets.local.support.machine import Machine, condition_of
from tests.support.plans import make_plan
from tests.support.waiting import wait_until

from llmwright.values.launch import Launch


def test_a_users_mistake_is_not_tried_again(machine: Machine) -> None:
    code = """
    import pathlib, sys
    with (pathlib.Path(sys.argv[1]) / "starts").open("a") as file: file.write("x")
    print("reading", flush=True)
    print("error: data.jsonl row 7: the column 'prompt' is missing\\n  hint: rename it", file=sys.stderr)
    sys.exit(2)
    """
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=failing(code)))
    status = machine.wait_until_failed()
    error = "data.jsonl row 7: the column 'prompt' is missing hint: rename it"
    assert condition_of(status, "Stalled") == ("InvalidInput", f"tuning job failed: {error}")
    assert status.state == "Failed"
    assert (machine.results() / "starts").read_text() == "x"
    wait_until(lambda: not machine.supervisors(), "the supervisor ended")


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
    assert condition_of(machine.wait_until_failed(), "JobStarted") == (
        "ProcessFailed",
        "tuning job failed: RuntimeError: boom",
    )


def test_a_killed_process_names_its_signal(machine: Machine) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=failing(code)))
    assert condition_of(machine.wait_until_failed(), "JobStarted") == (
        "Killed",
        "tuning job failed: train was ended by signal 9",
    )


def test_a_server_that_keeps_crashing_counts_as_failed_and_comes_back(machine: Machine) -> None:
    gate = machine.root.parent / "gate"
    source = serving("back").main.argv[2]
    code = f"import os, sys\nif not os.path.exists({str(gate)!r}): sys.exit('cannot load the weights')\n{source}"
    launch = Launch(main=python("serve", code, "$(host)", "$(port.http)", "back"), ports={"http": 1})
    machine.target.apply(make_workspace(), make_plan(serving=launch))
    assert condition_of(machine.wait_until_failed(), "InferenceReady") == (
        "ContainerCrashLoopBackOff",
        "cannot load the weights",
    )
    gate.touch()
    wait_until(lambda: machine.status().state == "Ready", "the server came back")


def test_a_program_that_is_not_there(machine: Machine) -> None:
    launch = Launch(main=type(python("x", ""))(name="train", argv=("no-such-program",)))
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=launch))
    assert "no-such-program cannot be run" in condition_of(machine.wait_until_failed(), "JobStarted")[1]
