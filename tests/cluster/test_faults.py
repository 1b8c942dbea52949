"""The operator behind a proxy that makes trouble, killed at random, and beside another."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.support.fault_proxy import DROPPED, GONE, LOST, SLOW, FaultProxy
from tests.cluster.support.operating import NODE_CLASS, SETTINGS
from tests.cluster.support.workspaces import CLAIMS, Workspaces
from tests.support.waiting import wait_until

from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import SERVICES
from llmwright.targets.kubernetes.cluster.kubeconfig import connect
from llmwright.testing.cluster import Cluster, OperatorProcess
from llmwright.testing.cluster.operator_process import running

pytestmark = pytest.mark.cluster

BY_KARPENTER = {"provisioner": "karpenter", "provisionerConfig": {"nodeClassRef": NODE_CLASS}}


KINDS = {"409", "429", "500", "503", LOST, GONE, DROPPED, SLOW}


@pytest.fixture
def proxy(plane: Cluster) -> Iterator[FaultProxy]:
    found = FaultProxy(plane.url, plane.folder / "ca.crt", seed=5)
    yield found
    found.stop()


def names_of(plane: Cluster, kind: str, *prefixes: str) -> list[str]:
    """The names of that kind that begin so."""
    names = [one["metadata"]["name"] for one in plane.get(kind, "-ndefault")]
    return sorted(name for name in names if name.startswith(prefixes))


def test_faults_of_the_api_server_are_outlived(
    plane: Cluster, proxy: FaultProxy, unattended: Workspaces, tmp_path: Path
) -> None:
    """Trouble goes on until every kind of it was met, with one more Workspace each time that some are missing."""
    names: list[str] = []

    def another() -> None:
        names.append(f"fault-{len(names)}")
        unattended.node(f"{names[-1]}-node", names[-1])
        unattended.apply(unattended.inference(names[-1]) if len(names) % 2 == 0 else unattended.tuning(names[-1]))

    kubeconfig = plane.write_kubeconfig(tmp_path / "kubeconfig", proxy.url)
    proxy.trouble = 0.3
    with running(OperatorProcess(kubeconfig, tmp_path, SETTINGS)):
        while len(names) < 4 or (missing := KINDS - proxy.kinds):
            assert len(names) < 20, missing
            another()
            unattended.until(names[-1], "Ready")
        assert names_of(plane, "job", "fault-") == sorted(names[::2])
        assert names_of(plane, "statefulset", "fault-") == sorted(names)
        unattended.clear()


def test_a_machine_whose_first_request_is_refused_is_asked_for_again(
    plane: Cluster, proxy: FaultProxy, unattended: Workspaces, tmp_path: Path
) -> None:
    """Once refused, it was never asked for again until the operator was started anew."""
    proxy.planned_writes["/nodeclaims/"] = [503]
    with running(OperatorProcess(plane.write_kubeconfig(tmp_path / "kubeconfig", proxy.url), tmp_path, SETTINGS)):
        unattended.apply(unattended.inference("refused", **BY_KARPENTER))
        unattended.until("refused", "Ready")
        assert proxy.done["503 /nodeclaims/"] == 1
        assert len(claims_of(plane, "refused")) == 1
        unattended.clear()


def test_a_machine_is_given_back_whose_purchase_ends_after_the_deletion(
    plane: Cluster, proxy: FaultProxy, unattended: Workspaces, tmp_path: Path
) -> None:
    """The finalizer went while the request was on its way, and the machine stayed."""
    proxy.planned_writes["/nodeclaims/"] = [SLOW]
    with running(OperatorProcess(plane.write_kubeconfig(tmp_path / "kubeconfig", proxy.url), tmp_path, SETTINGS)):
        unattended.apply(unattended.inference("hasty", **BY_KARPENTER))
        wait_until(lambda: proxy.done[f"{SLOW} /nodeclaims/"] == 1, "the purchase is on its way")
        assert claims_of(plane, "hasty") == []
        unattended.clear()
        wait_until(lambda: claims_of(plane, "hasty") == [], "the machine is given back")


def test_a_conflict_does_not_pass_for_a_deletion(plane: Cluster, proxy: FaultProxy, tmp_path: Path) -> None:
    api = connect(plane.write_kubeconfig(tmp_path / "kubeconfig", proxy.url))
    plane.kubectl("create", "service", "clusterip", "contested", "--tcp=80")
    uid = api.get(SERVICES, "default", "contested")["metadata"]["uid"]
    proxy.planned = [409]
    with pytest.raises(ApiError):
        api.delete(SERVICES, "default", "contested", uid)
    api.delete(SERVICES, "default", "contested", "of-one-before")
    assert names_of(plane, "service", "contested") == ["contested"]
    api.delete(SERVICES, "default", "contested", uid)
    assert names_of(plane, "service", "contested") == []


SEEDS = [1, 2, 3, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(4, 34))]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_operator_that_is_killed_goes_on_where_it_was(
    plane: Cluster, unattended: Workspaces, tmp_path: Path, seed: int
) -> None:
    """Killed while it buys a node, tunes and serves, and once more while it takes all of that away."""
    chance, prefix = random.Random(seed), f"kill-{seed}-"
    bought, tuned, served = (prefix + what for what in ("bought", "tuned", "served"))
    unattended.node(f"{tuned}-node", tuned)
    unattended.node(f"{served}-node", served)
    wanted = [unattended.inference(bought, **BY_KARPENTER), unattended.tuning(tuned), unattended.inference(served)]
    chance.shuffle(wanted)
    operator = OperatorProcess(plane.write_kubeconfig(tmp_path / "kubeconfig"), tmp_path, SETTINGS)
    with running(operator):
        for one in wanted:
            unattended.apply(one)
            time.sleep(chance.uniform(0.0, 0.5))
            operator.kill()
            operator.start()
        for name in (bought, tuned, served):
            unattended.until(name, "Ready")
        assert len(claims_of(plane, bought)) == 1
        assert names_of(plane, "job", prefix) == [tuned]
        assert names_of(plane, "statefulset", prefix) == sorted([bought, tuned, served])
        plane.kubectl("delete", "workspace", "--wait=false", bought, tuned, served)
        time.sleep(chance.uniform(0.0, 0.5))
        operator.kill()
        operator.start()
        unattended.clear()
        assert claims_of(plane, bought) == []


def claims_of(plane: Cluster, name: str) -> list[str]:
    """The NodeClaims that were made for a Workspace."""
    return [one["metadata"]["name"] for one in plane.get(CLAIMS, f"-lkaito.sh/workspace={name}")]


def test_of_two_operators_one_leads_and_the_other_follows(
    plane: Cluster, unattended: Workspaces, tmp_path: Path
) -> None:
    kubeconfig = plane.write_kubeconfig(tmp_path / "kubeconfig")
    one, two = (OperatorProcess(kubeconfig, tmp_path / name, SETTINGS, elects=True) for name in ("one", "two"))
    with running(one), running(two):
        wait_until(lambda: leading(one) != leading(two), "one leads")
        leader, other = (one, two) if leading(one) else (two, one)
        unattended.node("lead-node", "lead")
        unattended.apply(unattended.inference("lead"))
        unattended.until("lead", "Ready")
        lease = plane.fetch("/apis/coordination.k8s.io/v1/namespaces/default/leases/llmwright-operator")
        assert lease is not None, "the Lease lies in the operator's own namespace"
        leader.stop()
        wait_until(lambda: leading(other), "the other leads")
        unattended.clear()


def leading(operator: OperatorProcess) -> bool:
    """Whether it ever led."""
    return any(line["message"].startswith("leading as") for line in operator.lines())
