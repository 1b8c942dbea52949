"""Orphans are told once, and only they are given back."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from llmwright.errors import TargetError
from llmwright.plugins.drivers import Context, Provisioner
from llmwright.targets.kubernetes.operator.cache.provisioner_snapshot import ClusterSnapshot
from llmwright.targets.kubernetes.operator.process.sweep import Sweep
from llmwright.values.nodes import NodeRequest, ProvisionerAction, ProvisionerDecision, Waiting
from llmwright.values.plan import Target

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STRAY, THERE = ("default", "gone"), ("default", "there")


class Machines(Provisioner):
    """Holds one machine of its own and one that another program made under the same labels."""

    targets: ClassVar[frozenset[Target]] = frozenset({"kubernetes"})
    refusing = False

    def __init__(self) -> None:
        super().__init__(Context(lambda: NOW))
        self.held = {"mine": ("default", "gone"), "theirs": ("default", "gone")}

    def observe(self, request: NodeRequest, snapshot: Any) -> list[str]:
        return [name for name, owner in self.held.items() if owner == (request.namespace, request.workspace)]

    def decide(self, request: NodeRequest, observed: list[str], now: datetime) -> ProvisionerDecision:
        actions = tuple(ProvisionerAction(verb="delete", name=name) for name in observed)
        return ProvisionerDecision(outcome=Waiting("Releasing", ""), actions=actions)

    def act(self, action: ProvisionerAction) -> None:
        del self.held[action.name]

    def orphans(self) -> Iterable[str]:
        if self.refusing:
            raise TargetError("the cloud is down")
        return [f"machine/{name}" for name in self.held if name == "mine"]


def sweep_of(driver: Machines, *, deletes: bool) -> Sweep:
    snapshot = cast("ClusterSnapshot", SimpleNamespace(want=lambda watch: True, owners=lambda: [STRAY, THERE]))
    return Sweep(lambda: [("machines", driver)], snapshot, lambda: NOW, deletes=deletes)


def test_an_orphan_is_told_once_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    driver = Machines()
    sweep = sweep_of(driver, deletes=False)
    with caplog.at_level(logging.WARNING):
        sweep.once()
        sweep.once()
    assert [record.getMessage() for record in caplog.records] == [
        "orphan of machines: no Workspace needs machine/mine any more"
    ]
    assert sweep.orphans == {"machines": {"machine/mine"}}
    assert list(driver.held) == ["mine", "theirs"]


def test_what_a_workspace_that_is_there_does_not_need_is_given_back_too() -> None:
    driver = Machines()
    driver.held = {"mine": THERE, "theirs": THERE}
    sweep_of(driver, deletes=True).once()
    assert list(driver.held) == ["theirs"]


def test_where_settings_say_so_orphans_and_nothing_else_are_given_back() -> None:
    driver = Machines()
    sweep = sweep_of(driver, deletes=True)
    sweep.once()
    assert list(driver.held) == ["theirs"]
    sweep.once()
    assert sweep.orphans == {"machines": frozenset()}


def test_a_provisioner_that_cannot_be_asked_keeps_what_was_known(caplog: pytest.LogCaptureFixture) -> None:
    driver = Machines()
    sweep = sweep_of(driver, deletes=False)
    sweep.once()
    driver.refusing = True
    sweep.once()
    assert sweep.orphans == {"machines": {"machine/mine"}}
    assert "the cloud is down" in caplog.text
