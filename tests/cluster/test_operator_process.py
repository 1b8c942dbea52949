"""The operator's process: its first line, its end, its log, and its metrics as a real Prometheus reads them."""

from __future__ import annotations

import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.support.fault_proxy import FaultProxy
from tests.cluster.support.operating import SETTINGS
from tests.cluster.support.workspaces import Workspaces
from tests.support.programs import ROOT
from tests.support.prometheus import running_prometheus
from tests.support.waiting import wait_until

from llmwright.targets.kubernetes.operator.rbac import NAME
from llmwright.testing.cluster import Cluster, OperatorProcess
from llmwright.testing.cluster.certificates import kubeconfig
from llmwright.testing.cluster.operator_process import running
from llmwright.testing.cluster.programs import free_port

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("off_shift")]

METRICS = (
    'controller_runtime_reconcile_total{controller="workspace",namespace="default",result="success"}',
    'controller_runtime_reconcile_time_seconds_count{controller="workspace"}',
    'controller_runtime_active_workers{controller="workspace"}',
    'controller_runtime_max_concurrent_reconciles{controller="workspace"}',
    'workqueue_depth{name="workspace"}',
    'workqueue_adds_total{name="workspace"}',
    'workqueue_retries_total{name="workspace"}',
    'rest_client_requests_total{code="200",method="GET"}',
    'leader_election_master_status{name="llmwright-operator"} == 1',
    'llmwright_workspaces{namespace="default",phase="Ready"} == 1',
    "llmwright_build_info",
    "process_cpu_seconds_total",
)

PAGE = ROOT / "docs/operator.md"
ELSEWHERE = ("process_", "llmwright_admission_")
"""Metrics of the page that every process has, and those of the webhook."""


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def test_a_healthy_workspace_writes_no_warning_and_prometheus_reads_it(
    plane: Cluster, unattended: Workspaces, tmp_path: Path
) -> None:
    access = plane.write_kubeconfig(tmp_path / "kubeconfig")
    settings = {**SETTINGS, "orphans": {"interval": 1}}
    process = OperatorProcess(access, tmp_path, settings, elects=True, arguments=("--lease-namespace", "default"))
    with running(process) as operator:
        first = next(line for line in operator.lines() if str(line["message"]).startswith("llmwright "))
        for words in (
            "plugins: ",
            "runtime vllm (llmwright-runtime-vllm ",
            '"provisioner": "byo"',
            "health 127.0.0.1:",
        ):
            assert words in first["message"]
        unattended.node("watched-node", "watched")
        unattended.apply(unattended.inference("watched"))
        unattended.until("watched", "Ready")
        found = {
            "__meta_kubernetes_pod_label_app_kubernetes_io_name": "llmwright",
            "__meta_kubernetes_pod_container_port_name": "metrics",
        }
        pods = {f"127.0.0.1:{operator.metrics}": found}
        with running_prometheus(tmp_path, pods, "llmwright-operator") as prometheus:
            for query in METRICS:
                wait_until(lambda query=query: prometheus.query(query), f"there is {query}")  # type: ignore[misc]
        served = served_metrics(operator)
        unattended.clear()
    lines = operator.lines()
    assert served == documented_metrics()
    assert [line for line in lines if line["level"] not in ("info", "debug")] == []
    # Karpenter and aks are installed, and not chosen: they are not asked, and their kinds are not watched.
    assert [line for line in lines if "nodeclaims" in str(line) or "orphans of" in str(line)] == []
    passed = [line for line in lines if line.get("name") == "watched"]
    assert passed
    assert {line["namespace"] for line in passed} == {"default"}
    assert all(line["reconcileID"] for line in passed)


def served_metrics(operator: OperatorProcess) -> set[str]:
    """The names of what it tells Prometheus, but for those that every process has."""
    rows = re.findall(r"^# TYPE (\w+) ", operator.answers(operator.metrics, "/metrics"), re.MULTILINE)
    return {name for name in rows if not name.startswith(ELSEWHERE) and not name.endswith("_created")}


def documented_metrics() -> set[str]:
    """The names in the table of its page."""
    table = PAGE.read_text().partition("\n## Its metrics\n")[2].partition("\n## ")[0]
    names = re.findall(r"`(\w+)`", "".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `")))
    return {name for name in names if not name.startswith(ELSEWHERE)}


def test_workspaces_that_come_change_and_go_write_no_warning(
    plane: Cluster, unattended: Workspaces, tmp_path: Path
) -> None:
    names = [f"churn-{number}" for number in range(12)]
    labels = {"labelSelector": {"matchLabels": {"ws": "churn"}}}
    unattended.node("churn-node", "churn", gpus=len(names))
    with running(OperatorProcess(plane.write_kubeconfig(tmp_path / "kubeconfig"), tmp_path, SETTINGS)) as operator:
        unattended.apply(*(unattended.inference(name, **labels) for name in names))
        for name in names:
            unattended.until(name, "Ready")
        leaving, idle, others = names[::3], names[1::3], names[2::3]
        plane.kubectl("scale", "workspaces", "--replicas=0", *idle)
        plane.kubectl("label", "workspaces", *others, "team=search")
        plane.kubectl("delete", "workspaces", *leaving, "--timeout=60s")
        unattended.apply(*(unattended.inference(name, **labels) for name in leaving))
        plane.kubectl("scale", "workspaces", "--replicas=1", *idle)
        for name in names:
            unattended.until(name, "InferenceReady")
        unattended.clear()
        assert [line for line in operator.lines() if line["level"] not in ("info", "debug")] == []


def test_it_ends_within_5_s_while_nothing_answers(silent: int, tmp_path: Path) -> None:
    (tmp_path / "kubeconfig").write_text(kubeconfig({"server": f"http://127.0.0.1:{silent}"}, {"token": "t"}))
    operator = OperatorProcess(tmp_path / "kubeconfig", tmp_path, SETTINGS)
    operator.start(wait=False)
    assert operator.process is not None
    wait_until(lambda: "plugins: " in operator.log.read_text(), "it has started")
    began = time.monotonic()
    operator.process.send_signal(signal.SIGTERM)
    assert operator.process.wait(10) == 0
    assert time.monotonic() - began < 5.0


def test_an_api_server_that_is_away_is_waited_for_and_told_once(
    plane: Cluster, unattended: Workspaces, tmp_path: Path
) -> None:
    """The port is closed at first; then the API server is behind it, and what was asked for meanwhile is done."""
    port = free_port()
    unattended.node("late-node", "late")
    unattended.apply(unattended.inference("late"))
    access = plane.write_kubeconfig(tmp_path / "kubeconfig", f"http://127.0.0.1:{port}")
    operator = OperatorProcess(access, tmp_path, SETTINGS)
    operator.start(wait=False)
    wait_until(lambda: "is waited for" in operator.log.read_text(), "it is told")
    assert operator.answers(operator.health, "/readyz") == "", "it is not ready"
    proxy = FaultProxy(plane.url, plane.folder / "ca.crt", seed=1, port=port)
    unattended.until("late", "Ready")
    unattended.clear()
    operator.end()
    proxy.stop()
    said = [str(line["message"]) for line in operator.lines()]
    assert len([line for line in said if "does not answer, and is waited for" in line]) == 1
    assert len([line for line in said if "answers again after" in line]) == 1


def test_people_have_workspaces_by_the_roles_of_kubernetes(plane: Cluster) -> None:
    """``edit`` and ``view`` of a namespace are enough; the operator may change its own Lease and no other."""
    for role in ("view", "edit"):
        binding = ("rolebinding", role, f"--clusterrole={role}", f"--user={role}", "-ndefault")
        plane.kubectl("create", *binding)

    def may(user: str, *what: str) -> bool:
        return plane.kubectl("auth", "can-i", *what, f"--as={user}", "-ndefault", check=False).strip() == "yes"

    try:
        wait_until(lambda: may("view", "get", "workspaces"), "the role view has the rules")
        assert may("edit", "create", "workspaces")
        assert not may("view", "create", "workspaces")
        assert not may("edit", "patch", "workspaces", "--subresource=status")
        ours = f"system:serviceaccount:default:{NAME}"
        assert may(ours, "update", "leases/llmwright-operator")
        assert not may(ours, "create", "leases")
        assert not may(ours, "get", "leases/others")
    finally:
        plane.kubectl("delete", "rolebinding", "view", "edit", "-ndefault")


def test_children_that_lost_their_owner_are_owned_again(plane: Cluster, unattended: Workspaces, tmp_path: Path) -> None:
    """As ``kubectl delete --cascade=orphan`` leaves them: a new Workspace of that name takes what serves as it is."""
    unattended.node("adopted-node", "adopted")
    with running(OperatorProcess(plane.write_kubeconfig(tmp_path / "kubeconfig"), tmp_path, SETTINGS)):
        unattended.apply(unattended.inference("adopted"))
        unattended.until("adopted", "Ready")
    pod = plane.get("pods", "-lkaito.sh/workspace=adopted")[0]["metadata"]["uid"]
    plane.kubectl("patch", "workspace", "adopted", "--type=merge", '-p={"metadata":{"finalizers":null}}')
    plane.kubectl("delete", "workspace", "adopted", "--cascade=orphan")
    wait_until(lambda: not owners(unattended, "adopted"), "the StatefulSet has no owner")
    with running(OperatorProcess(plane.write_kubeconfig(tmp_path / "kubeconfig"), tmp_path, SETTINGS)):
        unattended.apply(unattended.inference("adopted"))
        unattended.until("adopted", "Ready")
        uid = unattended.get("adopted")["metadata"]["uid"]
        wait_until(lambda: owners(unattended, "adopted") == [uid], "it is owned by the new Workspace")
        assert plane.get("pods", "-lkaito.sh/workspace=adopted")[0]["metadata"]["uid"] == pod
        unattended.clear()


def owners(workspaces: Workspaces, name: str) -> list[str]:
    """The owners of its StatefulSet."""
    found = workspaces.one("statefulset", name)
    assert found is not None
    return [reference["uid"] for reference in found["metadata"].get("ownerReferences") or []]
