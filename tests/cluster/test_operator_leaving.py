"""Deleting ends whatever is missing: the provisioner's plugin, or Karpenter's own kinds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.control_plane import ControlPlane
from tests.cluster.harness import Karpenter, install_karpenter_crds
from tests.cluster.operating import (
    NODE_CLASS,
    SETTINGS,
    OperatorProcess,
    Workspaces,
    install,
    running,
    stray_claim,
    write_kubeconfig,
)
from tests.cluster.programs import wait_until

pytestmark = pytest.mark.cluster

CLAIMS = "nodeclaims.karpenter.sh"
POOLS = "nodepools.karpenter.sh"
BUYING = {**SETTINGS, "provisioner": "karpenter", "plugins": {"karpenter": {"nodeClassRef": NODE_CLASS}}}


@pytest.fixture(scope="module")
def plane(karpenter: Karpenter) -> ControlPlane:
    install(karpenter.plane)
    return karpenter.plane


@pytest.fixture
def workspaces(plane: ControlPlane) -> Workspaces:
    return Workspaces(plane)


def operating(plane: ControlPlane, folder: Path, **settings: Any) -> OperatorProcess:
    """One that is not started yet."""
    folder.mkdir(parents=True, exist_ok=True)
    return OperatorProcess(write_kubeconfig(plane, folder / "kubeconfig"), folder, {**BUYING, **settings})


def names(plane: ControlPlane) -> set[str]:
    """All NodeClaims."""
    return {one["metadata"]["name"] for one in plane.get(CLAIMS)}


def not_released(plane: ControlPlane, name: str) -> list[str]:
    """What the events say that was left behind."""
    found = plane.get("events", f"--field-selector=involvedObject.name={name},reason=NotReleased")
    return [one["message"] for one in found]


def test_without_its_plugin_a_workspace_goes_and_names_its_nodes(workspaces: Workspaces, tmp_path: Path) -> None:
    plane = workspaces.plane
    with running(operating(plane, tmp_path / "before")):
        workspaces.apply(workspaces.inference("unplugged"))
        workspaces.until("unplugged", "Ready")
    (node,) = workspaces.get("unplugged")["status"]["workerNodes"]
    (claim,) = plane.get(CLAIMS, "-lkaito.sh/workspace=unplugged")
    with running(operating(plane, tmp_path / "after", blockedPlugins=["provisioner:karpenter"])):
        plane.kubectl("delete", "workspace", "unplugged", "--timeout=60s")
        wait_until(workspaces.gone("unplugged"), "nothing of it is left", patience_s=60.0)
        wait_until(lambda: bool(not_released(plane, "unplugged")), "it is said what was left")
    (message,) = not_released(plane, "unplugged")
    assert node in message
    assert "karpenter" in message
    plane.kubectl("delete", "nodeclaim", claim["metadata"]["name"], "--timeout=60s")


def test_a_sweep_gives_back_what_we_made_and_nothing_else(plane: ControlPlane, tmp_path: Path) -> None:
    plane.apply(stray_claim("swept"), manager="modelwright")
    plane.apply(stray_claim("of-another"), manager="another")
    with running(operating(plane, tmp_path, orphans={"interval": 1, "delete": True})) as operator:
        wait_until(lambda: "swept" not in names(plane), "the orphan is given back", patience_s=60.0)
        none = 'modelwright_orphans{provisioner="karpenter"} 0.0'
        wait_until(lambda: none in operator.answers(operator.metrics, "/metrics"), "no orphan is left")
    assert "of-another" in names(plane)
    assert any("nodeclaim/swept was made for" in str(line) for line in operator.lines())
    plane.kubectl("delete", "nodeclaim", "of-another", "--timeout=60s")


@pytest.fixture
def vanishing(karpenter: Karpenter, plane: ControlPlane) -> Iterator[None]:
    """Karpenter's kinds may be deleted, and come back afterwards."""
    yield
    install_karpenter_crds(plane)
    karpenter.restart()


@pytest.mark.usefixtures("vanishing")
def test_without_karpenters_kinds_a_workspace_goes(workspaces: Workspaces, tmp_path: Path) -> None:
    plane = workspaces.plane
    with running(operating(plane, tmp_path)):
        workspaces.apply(workspaces.inference("kindless"))
        workspaces.until("kindless", "Ready")
        plane.kubectl("delete", "crd", CLAIMS, POOLS, "--timeout=120s")
        workspaces.until("kindless", "ResourceReady", "False")
        plane.kubectl("delete", "workspace", "kindless", "--timeout=60s")
        wait_until(workspaces.gone("kindless"), "nothing of it is left", patience_s=60.0)
