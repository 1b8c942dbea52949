"""Edits of a Workspace that serves on Karpenter's nodes: refused, or named and not carried out. Nothing leaks."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.operating import BUYING, NODE_CLASS, Shift
from tests.cluster.support.reviewing import CONFIGURATION, Requests
from tests.cluster.support.workspaces import CLAIMS, POOLS, Workspaces, stray_claim
from tests.support.waiting import wait_until

from llmwright.api.crd import crd
from llmwright.targets.kubernetes.cluster.api_resources import WEBHOOK_CONFIGURATION, WEBHOOK_CONFIGURATIONS
from llmwright.testing.cluster import Cluster
from llmwright.testing.cluster.installation import rights
from llmwright.testing.cluster.programs import free_port

pytestmark = pytest.mark.cluster

Object = dict[str, Any]

CONFIG = {"nodeClassRef": NODE_CLASS}
EDITS: dict[str, tuple[str, Object]] = {
    "mode": ("resource.provisionerConfig.mode", {"provisionerConfig": {"mode": "nodepool"}}),
    "provisioner": ("resource.provisioner", {"provisioner": "byo"}),
    "capacity type": ("resource.provisionerConfig.capacityType", {"provisionerConfig": {"capacityType": "spot"}}),
}
"""What a breaker saw: the YAML path, and the merge patch of ``resource``."""
BACK: Object = {"provisioner": None, "provisionerConfig": {"mode": None, "capacityType": None}}


@pytest.fixture(scope="module")
def settings() -> Object:
    return dict(BUYING)


@pytest.fixture
def requests(plane: Cluster) -> Iterator[Requests]:
    found = Requests(plane)
    yield found
    found.close()


@pytest.fixture
def earlier_crd(plane: Cluster) -> Iterator[None]:
    """A CRD of a version that had no rules about edits."""
    lax = copy.deepcopy(crd())
    for version in lax["spec"]["versions"]:
        _without_rules(version["schema"]["openAPIV3Schema"])
    plane.apply(lax)
    yield
    plane.apply(crd())


def _without_rules(schema: Object) -> None:
    schema.pop("x-kubernetes-validations", None)
    for part in (*schema.get("properties", {}).values(), schema.get("items")):
        if isinstance(part, dict):
            _without_rules(part)


def bought(plane: Cluster, name: str) -> tuple[list[str], list[str]]:
    """Names of the NodeClaims and NodePools that are there for a Workspace."""
    pair = ("kaito.sh/workspace", "karpenter.kaito.sh/workspace-name")
    return tuple(
        sorted({one["metadata"]["name"] for label in pair for one in plane.get(kind, f"-l{label}={name}")})
        for kind in (CLAIMS, POOLS)
    )  # type: ignore[return-value]


def served(workspaces: Workspaces, name: str) -> Object:
    """One that serves on a NodeClaim."""
    workspace = workspaces.inference(name, provisionerConfig=CONFIG)
    workspaces.apply(workspace)
    workspaces.until(name, "Ready")
    return workspace


def orphans(plane: Cluster) -> tuple[int, str]:
    command = [sys.executable, "-m", "llmwright", "orphans", "--kubeconfig", str(plane.kubeconfig)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_without_a_webhook_the_crd_refuses(workspaces: Workspaces, requests: Requests) -> None:
    workspace = served(workspaces, "kept")
    before = bought(workspaces.plane, "kept")
    for path, edit in EDITS.values():
        said = requests.merge(workspace, {"resource": edit})
        assert said.code == 422, path
        assert "cannot be changed any more" in said.message
    assert bought(workspaces.plane, "kept") == before
    assert workspaces.condition("kept", "Ready") == ("True", "Ready")


def test_what_came_in_anyway_is_named_and_nothing_is_bought_or_left(
    workspaces: Workspaces, requests: Requests, earlier_crd: None
) -> None:
    name, plane = "named", workspaces.plane
    workspace = served(workspaces, name)
    before, status = bought(plane, name), workspaces.get(name)["status"]
    assert len(before[0]) == 1
    for path, edit in EDITS.values():
        # The API server takes a moment to forget the rules of the CRD before.
        wait_until(lambda edit=edit: requests.merge(workspace, {"resource": edit}).code == 200, "the edit is taken")  # type: ignore[misc]
        workspaces.until(name, "ChangeNotApplied", reason="Immutable")
        assert path in workspaces.told(name, "ChangeNotApplied")["message"]
        workspaces.until(name, "Ready", status="False", reason="Immutable")
        assert workspaces.condition(name, "WorkspaceReady") == ("True", "WorkspaceReady")
        now = workspaces.get(name)["status"]
        assert [now[part] for part in ("plan", "cost", "workerNodes")] == [
            status[part] for part in ("plan", "cost", "workerNodes")
        ]
        assert bought(plane, name) == before
        assert requests.merge(workspace, {"resource": BACK}).code == 200
        workspaces.until(name, "Ready")
        assert workspaces.condition(name, "ChangeNotApplied") == ("", "")
    requests.merge(workspace, {"resource": EDITS["provisioner"][1]})
    workspaces.until(name, "ChangeNotApplied")
    plane.kubectl("delete", "workspace", name, "--timeout=60s")
    wait_until(lambda: bought(plane, name) == ([], []), "nothing is left")
    assert orphans(plane) == (0, "")


def test_another_default_in_the_settings_is_named_and_moves_nothing(workspaces: Workspaces, shift: Shift) -> None:
    served(workspaces, "settled")
    before = bought(workspaces.plane, "settled")
    shift.on(
        {**BUYING, "plugins": {"provisioner": {"karpenter": {"nodeClassRef": NODE_CLASS, "mode": "nodepool"}}}}, {}
    )
    workspaces.until("settled", "ChangeNotApplied", reason="NewDefault")
    assert (
        'mode stays "nodeclaim", the settings say "nodepool"'
        in workspaces.told("settled", "ChangeNotApplied")["message"]
    )
    assert workspaces.condition("settled", "Ready") == ("True", "Ready")
    assert bought(workspaces.plane, "settled") == before


def test_what_an_earlier_version_left_is_found_and_given_back(workspaces: Workspaces, shift: Shift) -> None:
    workspaces.node("own-node", "moved")
    workspaces.apply(workspaces.inference("moved", provisioner="byo"))
    workspaces.until("moved", "Ready")
    left = stray_claim("left-behind")
    left["metadata"]["labels"]["kaito.sh/workspace"] = "moved"
    workspaces.plane.apply(left, manager="llmwright")
    assert orphans(workspaces.plane) == (1, "karpenter  nodeclaim/left-behind\n")
    shift.on({**BUYING, "orphans": {"interval": 1, "delete": True}}, {})
    wait_until(lambda: bought(workspaces.plane, "moved") == ([], []), "it is given back")
    assert workspaces.get("moved")["status"]["workerNodes"] == ["own-node"]


def test_the_webhook_refuses_by_itself(
    plane: Cluster, shift: Shift, requests: Requests, earlier_crd: None, tmp_path: Path
) -> None:
    plane.apply(*rights(webhook=True))
    port = free_port()
    address = {"url": f"https://127.0.0.1:{port}/", "port": port, "failurePolicy": "Fail", "validity": 16}
    shift.on({**BUYING, "webhook": address}, {})
    workspaces = Workspaces(plane)
    try:
        workspace = served(workspaces, "guarded")
        before = bought(plane, "guarded")
        for path, edit in EDITS.values():
            said = requests.merge(workspace, {"resource": edit})
            assert said.code == 422
            assert (path, "Immutable") in said.causes, said.body
        assert bought(plane, "guarded") == before
        assert workspaces.condition("guarded", "Ready") == ("True", "Ready")
    finally:
        workspaces.clear()
        shift.off()
        requests.send("DELETE", CONFIGURATION)
        plane.kubectl("delete", str(WEBHOOK_CONFIGURATIONS), WEBHOOK_CONFIGURATION, "--ignore-not-found")
        plane.apply(*rights())
