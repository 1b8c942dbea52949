"""From a Workspace to a node that Karpenter made, and back."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from tests.cluster.support.operating import BUYING
from tests.cluster.support.workspaces import CLAIMS, POOLS, Workspaces, stray_claim
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster, OperatorProcess

pytestmark = pytest.mark.cluster

OWNER = {"nodeclaim": "kaito.sh/workspace", "nodepool": "karpenter.kaito.sh/workspace-name"}


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return {**BUYING, "preflight": True}


def claims_of(plane: Cluster, name: str, mode: str) -> list[dict[str, Any]]:
    return plane.get(CLAIMS, f"-l{OWNER[mode]}={name}")


@pytest.mark.parametrize("mode", ["nodeclaim", "nodepool"])
def test_karpenter_makes_the_node_and_takes_it_back(workspaces: Workspaces, mode: str) -> None:
    name = f"bought-{mode}"
    workspaces.apply(workspaces.inference(name, provisionerConfig={"mode": mode}))
    workspaces.until(name, "Ready")
    assert workspaces.condition(name, "NodeClaimReady") == ("True", "NodeClaimsReady")
    (claim,) = claims_of(workspaces.plane, name, mode)
    assert workspaces.get(name)["status"]["workerNodes"] == [claim["status"]["nodeName"]]
    workspaces.plane.kubectl("delete", "workspace", name, "--timeout=60s")
    wait_until(lambda: not claims_of(workspaces.plane, name, mode), "the claim is gone")
    if mode == "nodepool":
        assert not workspaces.plane.get(POOLS, f"-l{OWNER[mode]}={name}")


def test_tuning_is_checked_then_a_node_is_bought_and_serves_the_result(workspaces: Workspaces) -> None:
    # Preflight runs wherever there is room, before anything is bought.
    workspaces.node("spare-node", "nobody")
    workspaces.apply(workspaces.tuning("bought-tune"))
    workspaces.until("bought-tune", "PreflightSucceeded")
    check = workspaces.one("job", "bought-tune-preflight")
    assert check is not None
    assert check["status"]["succeeded"] == 1
    workspaces.until("bought-tune", "WorkspaceSucceeded")
    workspaces.until("bought-tune", "InferenceReady")
    (claim,) = claims_of(workspaces.plane, "bought-tune", "nodeclaim")
    assert claim["metadata"]["creationTimestamp"] >= check["status"]["completionTime"]


def test_a_node_that_nobody_needs_is_named(plane: Cluster, operator: OperatorProcess) -> None:
    plane.apply(stray_claim("orphan"), manager="llmwright")
    command = [sys.executable, "-m", "llmwright", "orphans", "--kubeconfig", str(plane.kubeconfig)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    plane.kubectl("delete", "nodeclaim", "orphan")
    assert (done.returncode, done.stdout) == (1, "karpenter  nodeclaim/orphan\n"), done.stderr


def test_the_provisioner_is_swapped_by_one_line(workspaces: Workspaces) -> None:
    workspaces.node("own-node", "swapped")
    workspaces.apply(workspaces.inference("swapped", provisioner="byo"))
    workspaces.until("swapped", "Ready")
    assert workspaces.get("swapped")["status"]["workerNodes"] == ["own-node"]
    assert claims_of(workspaces.plane, "swapped", "nodeclaim") == []
    assert workspaces.condition("swapped", "NodeClaimReady") == ("", "")
