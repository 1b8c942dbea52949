"""Data and checkpoints of an earlier launch."""

from __future__ import annotations

from dataclasses import replace

from core.tests.targets.local.support.launches import make_workspace, python, tuning
from core.tests.targets.local.support.machine import Machine
from tests.support.plans import make_plan

from llmwright.values.launch import Launch, Mount, Volume


def test_changed_data_is_tuned_from_the_start(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(steps=3)))
    machine.wait("Ready")
    machine.target.apply(make_workspace(tuned=True), make_plan(inputs="2", tuning=tuning(steps=4)))
    status = machine.wait("Ready")
    assert status.progress is not None
    assert status.progress.steps == 4
    assert (machine.results() / "starts").read_text() == "0\n"
    assert (machine.results().parent / ".results-before" / "adapter").exists()


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
    machine.wait_until_failed()
    source.write_text("right")
    machine.target.apply(make_workspace(tuned=True), plan)
    assert machine.wait("Ready").state == "Succeeded"
