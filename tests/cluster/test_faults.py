"""The operator behind a proxy that makes trouble, killed at random, beside another, and with a limit for all."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.fault_proxy import FaultProxy
from tests.cluster.harness import Karpenter
from tests.cluster.operating import SETTINGS, OperatorProcess, Workspaces, install, running, write_kubeconfig
from tests.cluster.programs import wait_until

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def plane(karpenter: Karpenter) -> ControlPlane:
    install(karpenter.plane)
    return karpenter.plane


@pytest.fixture
def workspaces(plane: ControlPlane) -> Workspaces:
    return Workspaces(plane)


@pytest.fixture
def proxy(plane: ControlPlane) -> Iterator[FaultProxy]:
    found = FaultProxy(plane.url, plane.folder / "ca.crt", seed=5)
    yield found
    found.stop()


def names_of(plane: ControlPlane, kind: str, *prefixes: str) -> list[str]:
    """The names of that kind that begin so."""
    names = [one["metadata"]["name"] for one in plane.get(kind, "-ndefault")]
    return sorted(name for name in names if name.startswith(prefixes))


def test_faults_of_the_api_server_are_outlived(
    plane: ControlPlane, proxy: FaultProxy, workspaces: Workspaces, tmp_path: Path
) -> None:
    kubeconfig = write_kubeconfig(plane, tmp_path / "kubeconfig", proxy.url)
    with running(OperatorProcess(kubeconfig, tmp_path)):
        proxy.trouble = 0.3
        for number in range(4):
            workspaces.node(f"fault-{number}-node", f"fault-{number}")
            wanted = workspaces.inference if number % 2 else workspaces.tuning
            workspaces.apply(wanted(f"fault-{number}"))
        for number in range(4):
            workspaces.until(f"fault-{number}", "Ready")
        assert names_of(plane, "job", "fault-") == ["fault-0", "fault-2"]
        assert names_of(plane, "statefulset", "fault-") == [f"fault-{number}" for number in range(4)]
        workspaces.clear()
    kinds = {what.partition(" ")[0] for what in proxy.done}
    assert kinds >= {"409", "429", "500", "503", "lost", "gone", "dropped"}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_operator_that_is_killed_goes_on_where_it_was(
    plane: ControlPlane, workspaces: Workspaces, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    operator = OperatorProcess(write_kubeconfig(plane, tmp_path / "kubeconfig"), tmp_path)
    with running(operator):
        for number in range(3):
            name = f"kill-{seed}-{number}"
            workspaces.node(f"{name}-node", name)
            workspaces.apply(workspaces.tuning(name) if number else workspaces.inference(name))
            time.sleep(chance.uniform(0.0, 0.4))
            operator.kill()
            operator.start()
        for number in range(3):
            workspaces.until(f"kill-{seed}-{number}", "Ready")
        assert len(names_of(plane, "job", f"kill-{seed}-")) == 2
        assert len(names_of(plane, "statefulset", f"kill-{seed}-")) == 3
        workspaces.clear()


def test_of_two_operators_one_leads_and_the_other_follows(
    plane: ControlPlane, workspaces: Workspaces, tmp_path: Path
) -> None:
    kubeconfig = write_kubeconfig(plane, tmp_path / "kubeconfig")
    one, two = (OperatorProcess(kubeconfig, tmp_path / name, arguments=("--leader-elect",)) for name in ("one", "two"))
    with running(one), running(two):
        wait_until(lambda: leading(one) != leading(two), "one leads")
        leader, other = (one, two) if leading(one) else (two, one)
        workspaces.node("lead-node", "lead")
        workspaces.apply(workspaces.inference("lead"))
        workspaces.until("lead", "Ready")
        leader.stop()
        wait_until(lambda: leading(other), "the other leads")
        workspaces.clear()


def test_a_limit_holds_for_many_that_are_applied_at_once(
    plane: ControlPlane, workspaces: Workspaces, tmp_path: Path
) -> None:
    """One such machine costs more than 3 USD per hour and less than 4: two are within 8, three are not."""
    settings = {**SETTINGS, "limits": {"totalUsdPerHour": 8}}
    names = [f"limit-{number}" for number in range(5)]
    with running(OperatorProcess(write_kubeconfig(plane, tmp_path / "kubeconfig"), tmp_path, settings)):
        workspaces.apply(*map(workspaces.inference, names))
        wait_until(lambda: all(workspaces.condition(name, "Stalled")[0] for name in names), "all are judged")
        refused = [name for name in names if workspaces.condition(name, "Stalled") == ("True", "LimitExceeded")]
        assert len(refused) == 3
        (spender, *_) = sorted({*names} - {*refused})
        workspaces.plane.kubectl("delete", "workspace", spender, "--timeout=30s")
        wait_until(
            lambda: sum(workspaces.condition(name, "Stalled") == ("False", "Progressing") for name in names) == 2,
            "another takes its place",
        )
        workspaces.clear()


def leading(operator: OperatorProcess) -> bool:
    """Whether it ever led."""
    return any(line["message"].startswith("leading as") for line in operator.lines())
