"""Waiting for a status or a condition."""

from __future__ import annotations

import itertools

import pytest
from core.tests.targets.local.support.launches import make_workspace, tuning
from core.tests.targets.local.support.machine import Machine
from tests.support.plans import make_plan

from llmwright.errors import NotYet


def test_status_is_watched_as_it_changes(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(steps=6, pause=0.1)))
    states: list[str] = []
    for workspace in machine.target.watch("default", "demo"):
        assert workspace.status is not None
        states.append(workspace.status.state)
        if workspace.status.state == "Succeeded":
            break
    assert [state for state, _ in itertools.groupby(states)] in (
        ["Pending", "Running", "Succeeded"],
        ["Running", "Succeeded"],
    )


def test_waiting_ends_with_its_timeout(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(steps=1000, pause=0.1)))
    with pytest.raises(NotYet, match="Ready does not hold after"):
        machine.target.wait("default", "demo", "Ready", 0.2)
