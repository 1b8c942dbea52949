"""Orphans are told once, and given back where two sweeps name them and the settings say so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest
from tests.support.waiting import wait_until

from llmwright.errors import TargetError
from llmwright.plugins.drivers import Provisioner
from llmwright.settings import Settings
from llmwright.targets.clouds import CloudSnapshots
from llmwright.targets.kubernetes.operator.cache.provisioner_snapshot import ClusterSnapshot
from llmwright.targets.kubernetes.operator.process.sweep import Sweep, in_use
from llmwright.testing import make_context
from llmwright.testing.fakes import FakeCloud, FakeProvisioner
from llmwright.values.nodes import (
    LivingWorkspace,
    NodeRequest,
    Orphan,
    ProvisionerAction,
    ProvisionerDecision,
    Waiting,
)
from llmwright.values.plan import Target

THERE = LivingWorkspace(namespace="default", workspace="there")


class Machines(Provisioner):
    """Holds a machine of a Workspace that is there and one of a Workspace that is gone, and trusts no cloud."""

    targets: ClassVar[frozenset[Target]] = frozenset({"kubernetes"})
    refusing = False

    def __init__(self) -> None:
        super().__init__(make_context())
        self.held = {"mine": ("default", "gone"), "its": ("default", "there")}

    def observe(self, request: NodeRequest, snapshot: Any) -> None:
        """Nothing."""

    def decide(self, request: NodeRequest, observed: None, now: datetime) -> ProvisionerDecision:
        return ProvisionerDecision(outcome=Waiting("Releasing", "soon"))

    def act(self, action: ProvisionerAction) -> None:
        del self.held[action.name]

    def orphans(self, living: Sequence[LivingWorkspace], snapshot: Any) -> Iterable[Orphan]:
        if self.refusing:
            raise TargetError("the cloud is down")
        owners = {(tenant.namespace, tenant.workspace) for tenant in living}
        for name, owner in self.held.items():
            if owner not in owners:
                yield Orphan(name=f"machine/{name}", actions=(ProvisionerAction(verb="delete", name=name),))


def sweep_of(
    driver: Provisioner, *, deletes: bool, living: Callable[[], Sequence[LivingWorkspace]] = lambda: (THERE,)
) -> Sweep:
    snapshot = cast("ClusterSnapshot", SimpleNamespace(want=lambda watch: True))
    clouds = CloudSnapshots(lambda *_: None, lambda work, _: work())
    return Sweep(lambda: [("machines", driver)], snapshot, clouds, living, deletes=deletes)


def test_an_orphan_is_told_once_and_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    driver = Machines()
    sweep = sweep_of(driver, deletes=False)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            sweep.once()
    assert [record.getMessage() for record in caplog.records] == [
        "orphan of machines: no Workspace needs machine/mine any more"
    ]
    assert sweep.orphans == {"machines": {"machine/mine"}}
    assert list(driver.held) == ["mine", "its"]


def test_where_settings_say_so_what_two_sweeps_name_is_given_back(caplog: pytest.LogCaptureFixture) -> None:
    driver = Machines()
    sweep = sweep_of(driver, deletes=True)
    sweep.once()
    assert list(driver.held) == ["mine", "its"], "its Workspace may only not be seen yet"
    sweep.once()
    assert list(driver.held) == ["its"]
    assert "orphan of machines: machine/mine is given back" in caplog.text
    sweep.once()
    assert sweep.orphans == {"machines": frozenset()}


def test_a_cloud_outside_the_cluster_is_asked_for_its_orphans() -> None:
    cloud = FakeCloud(machines={"default-gone-0": 0, "default-there-0": 0})
    sweep = sweep_of(FakeProvisioner(make_context(cluster=cloud)), deletes=True)
    sweep.once()
    assert sweep.orphans == {"machines": {"default-gone-0"}}


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, ["aks", "byo", "karpenter"]),
        ({"provisioner": "byo"}, ["byo"]),
        ({"provisioner": "byo", "otherProvisioners": ["karpenter"]}, ["byo", "karpenter"]),
        ({"provisioner": "byo", "plugins": {"provisioner": {"aks": {"maxPools": 3}}}}, ["aks", "byo"]),
    ],
)
def test_a_provisioner_that_nobody_chose_is_not_asked(settings: dict[str, Any], asked: list[str]) -> None:
    """There may be no right to read its kinds, and no account of its cloud."""
    assert list(in_use(["aks", "byo", "karpenter"], Settings(**settings), (THERE,), ())) == asked


def test_a_provisioner_that_a_workspace_was_planned_with_is_asked() -> None:
    settings, planned = (
        Settings(provisioner="byo"),
        LivingWorkspace(namespace="default", workspace="other", provisioner="karpenter"),
    )
    assert in_use(["aks", "byo", "karpenter"], settings, (THERE, planned), ()) == ("byo", "karpenter")
    assert in_use(["aks", "byo", "karpenter"], settings, (THERE,), ["karpenter"]) == ("byo", "karpenter")


def test_why_a_provisioner_cannot_be_asked_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    driver = Machines()
    sweep = sweep_of(driver, deletes=False)
    driver.held, driver.refusing = {}, True
    for _ in range(3):
        sweep.once()
    driver.refusing = False
    sweep.once()
    driver.refusing = True
    sweep.once()
    assert [record.getMessage() for record in caplog.records] == ["orphans of machines: the cloud is down"] * 2


@pytest.mark.parametrize("fault", ["a name", None])
def test_a_provisioner_that_cannot_be_asked_keeps_what_was_known(
    caplog: pytest.LogCaptureFixture, fault: str | None
) -> None:
    driver = Machines()
    sweep = sweep_of(driver, deletes=True)
    sweep.once()
    driver.refusing = fault is None
    if fault:
        driver.orphans = lambda living, snapshot: [fault]  # type: ignore[method-assign,list-item]
    sweep.once()
    assert sweep.orphans == {"machines": {"machine/mine"}}
    text = "provisioner 'machines' failed in orphans: TypeError" if fault else "the cloud is down"
    assert text in caplog.text


def test_an_error_that_nobody_foresaw_is_logged_and_the_next_search_comes(caplog: pytest.LogCaptureFixture) -> None:
    faults = [KeyError("metadata")]

    def living() -> Sequence[LivingWorkspace]:
        if faults:
            raise faults.pop()
        return (THERE,)

    sweep = sweep_of(Machines(), deletes=False, living=living)
    sweep.start(0.01)
    try:
        wait_until(lambda: sweep.orphans, "the next search finds the orphan")
    finally:
        sweep.stop()
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == ["orphans could not be looked for; again in 0.01 s"]
