"""The main job: one Workspace from apply to an answering endpoint, and what comes after."""

from __future__ import annotations

import itertools

import pytest
from core.tests.targets.local.conftest import (
    PATIENCE_S,
    Machine,
    get_text,
    make_plan,
    make_workspace,
    python,
    serving,
    tuning,
    until,
)

from llmwright.errors import NotYet, TargetError
from llmwright.targets.local.launch.temporary_server import ephemeral
from llmwright.values.launch import Launch, SecretKey, Volume


def test_a_tuning_ends_in_a_server_with_its_result(machine: Machine) -> None:
    checks = Launch(main=python("check", "print('data is in order')"))
    plan = make_plan(preflight=checks, tuning=tuning(), serving=serving("tuned"))
    assert machine.target.apply(make_workspace(tuned=True), plan) == "created"
    status = machine.wait("Ready")
    assert status.state == "Succeeded"
    assert status.endpoint is not None
    assert get_text(status.endpoint) == "tuned"
    assert status.output == "registry/adapter:1"
    assert status.progress is not None
    assert (status.progress.step, status.progress.steps) == (3, 3)
    lines = list(machine.target.logs("default", "demo"))
    assert lines == ["data is in order", f"delivered {machine.results()}", "serving"]
    assert list(machine.target.logs("default", "demo", stage="tuning.deliver")) == [f"delivered {machine.results()}"]
    assert len(machine.supervisors()) == 1


def test_status_is_watched_as_it_changes(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(steps=6, pause=0.1)))
    states: list[str] = []
    for found in machine.target.watch("default", "demo"):
        assert found.status is not None
        states.append(found.status.state)
        if found.status.state == "Succeeded":
            break
    assert [state for state, _ in itertools.groupby(states)] in (
        ["Pending", "Running", "Succeeded"],
        ["Running", "Succeeded"],
    )


def test_a_supervisor_with_nothing_left_to_do_ends(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True, onSuccess="release"), make_plan(tuning=tuning(), serving=serving()))
    status = machine.wait("Ready")
    assert status.endpoint is None
    until(lambda: not machine.supervisors(), "the supervisor ended")
    assert machine.target.repair() == ()
    assert (machine.results() / "adapter").read_text() == "weights"


def test_a_second_apply_changes_just_what_changed(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(), serving=serving("one")))
    first = machine.wait("Ready")
    assert (
        machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(), serving=serving("one")))
        == "unchanged"
    )
    changed = make_workspace(tuned=True, ttlSecondsAfterFinished=3600)
    plan = make_plan(inputs="2", tuning=tuning(), serving=serving("two"))
    assert machine.target.apply(changed, plan) == "configured"
    second = machine.wait("Ready")
    assert second.endpoint == first.endpoint
    assert second.endpoint is not None
    assert get_text(second.endpoint) == "two"
    assert (machine.results() / "starts").read_text() == "0\n"


def test_changed_data_is_tuned_from_the_start(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(steps=3)))
    machine.wait("Ready")
    machine.target.apply(make_workspace(tuned=True), make_plan(inputs="2", tuning=tuning(steps=4)))
    status = machine.wait("Ready")
    assert status.progress is not None
    assert status.progress.steps == 4
    assert (machine.results() / "starts").read_text() == "0\n"
    assert (machine.results().parent / ".results-before" / "adapter").exists()


def test_a_newer_plan_is_offered_and_the_recorded_one_stays(machine: Machine) -> None:
    machine.target.apply(make_workspace(), make_plan(serving=serving("old")))
    machine.wait("Ready")
    assert machine.target.apply(make_workspace(), make_plan(serving=serving("new"))) == "unchanged"
    until(lambda: machine.status().condition("UpdateAvailable"), "an update is offered")
    endpoint = machine.status().endpoint
    assert endpoint is not None
    assert get_text(endpoint) == "old"
    recorded = machine.target.recorded_plan("default", "demo")
    assert recorded == make_plan(serving=serving("old"))


def test_a_rollout_moves_the_server_and_does_not_tune_again(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(steps=3), serving=serving("old")))
    machine.wait("Ready")
    newer = make_plan(tuning=tuning(steps=4), serving=serving("new"))
    assert machine.target.apply(make_workspace(tuned=True), newer) == "unchanged"
    assert machine.target.rollout("default", "demo", newer) == "configured"
    status = machine.wait("Ready")
    assert status.endpoint is not None
    assert get_text(status.endpoint) == "new"
    assert status.condition("UpdateAvailable") is None
    assert (machine.results() / "starts").read_text() == "0\n"
    assert machine.target.rollout("default", "demo", newer) == "unchanged"


def test_volumes_and_secrets_reach_the_process(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
    import os, pathlib, sys
    config, shared, data = (pathlib.Path(part) for part in sys.argv[1:4])
    print((config / "training_config.yaml").read_text(), shared.is_dir(), (data / "rows").read_text())
    print(len(os.environ["HF_TOKEN"]))
    """
    monkeypatch.setenv("HF_TOKEN", "geheim")
    data = machine.root.parent / "data"
    data.mkdir()
    (data / "rows").write_text("1 row")
    main = python("train", code, "$(volume.config)", "$(volume.shm)", "$(volume.data)")
    launch = Launch(
        main=type(main)(name="train", argv=main.argv, env={"HF_TOKEN": SecretKey("hub", "HF_TOKEN", optional=False)}),
        volumes=(
            Volume(name="config", kind="config", source="mine"),
            Volume(name="shm", kind="memory"),
            Volume(name="data", kind="volume_source", source={"hostPath": {"path": "data"}}),
        ),
    )
    machine.target.apply(
        make_workspace(tuned=True),
        make_plan(tuning=launch),
        base_directory=machine.root.parent,
        config_files={"mine": {"training_config.yaml": "training_config: {}"}},
    )
    machine.wait("Ready")
    assert list(machine.target.logs("default", "demo")) == ["training_config: {} True 1 row", "6"]
    written = [path for path in machine.root.rglob("*") if path.is_file() and b"geheim" in path.read_bytes()]
    assert written == []


def test_stopping_keeps_the_work_and_applying_goes_on(machine: Machine) -> None:
    plan = make_plan(tuning=tuning(), serving=serving("tuned"))
    machine.target.apply(make_workspace(tuned=True), plan)
    machine.wait("Ready")
    machine.target.stop("default", "demo", timeout_s=PATIENCE_S)
    assert machine.processes() == []
    assert machine.target.repair() == ()
    stopped = machine.status().condition("InferenceReady")
    assert stopped is not None
    assert stopped.status == "False"
    assert machine.target.apply(make_workspace(tuned=True), plan) == "configured"
    machine.wait("Ready")
    assert (machine.results() / "starts").read_text() == "0\n"


def test_waiting_in_vain_says_so(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(steps=1000, pause=0.1)))
    with pytest.raises(NotYet, match="Ready does not hold after"):
        machine.target.wait("default", "demo", "Ready", 0.2)


def test_a_passing_server_answers_and_is_gone(machine: Machine) -> None:
    with ephemeral(serving("base"), machine.options) as endpoint:
        assert get_text(endpoint) == "base"
    with pytest.raises(OSError, match="refused"):
        get_text(endpoint)


def test_a_passing_server_that_fails_says_why(machine: Machine) -> None:
    broken = Launch(main=python("serve", "import sys; sys.exit('error: no room for the model')"), ports={"http": 1})
    with pytest.raises(TargetError, match="no room for the model"), ephemeral(broken, machine.options):
        pass
