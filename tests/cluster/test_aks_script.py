"""``make e2e-aks`` against the local Azure and the real API server: all of it but Azure itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.support.azure import Azure, azure, environ, on_aks
from tests.cluster.support.lent_model import MODELS, lent_model
from tests.cluster.support.workspaces import Workspaces

from llmwright.testing.cluster import Cluster

__all__ = ["azure", "environ"]

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
NAME = "script"
Script = Callable[[dict[str, Any]], tuple[int, str, dict[str, Any]]]


@pytest.fixture
def model(plane: Cluster) -> Iterator[None]:
    """The Workspace of the script answers."""
    with lent_model(plane, NAME):
        yield


@pytest.fixture(scope="module")
def settings(azure: Azure) -> dict[str, Any]:
    return {"provisioner": "aks", "preflight": False, "plugins": {"provisioner": {"aks": azure.settings}}}


@pytest.fixture
def script(plane: Cluster, azure: Azure, settings: dict[str, Any], workspaces: Workspaces, tmp_path: Path) -> Script:
    """Runs the script as the Makefile does; returns its exit code, what it printed, and its report."""

    def run(workspace: dict[str, Any]) -> tuple[int, str, dict[str, Any]]:
        files = {"settings": settings, "workspace": workspace}
        for name, content in files.items():
            (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
        report = tmp_path / "report.json"
        arguments = [f"--{name} {tmp_path}/{name}.yaml" for name in files]
        arguments += [f"--report {report}", "--yes"]
        here = Path(sys.executable).parent
        variables = {"KUBECONFIG": str(plane.kubeconfig), "PATH": f"{plane.programs.assets}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["make", "-s", "-o", ".venv/.workspace", "e2e-aks", f"BIN={here}", f"ARGS={' '.join(arguments)}"],
            cwd=ROOT, env={**os.environ, **azure.server.environ(), **variables}, capture_output=True, text=True,
            check=False, timeout=300,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr, json.loads(report.read_text())

    return run


@pytest.mark.usefixtures("model")
def test_a_workspace_is_served_asked_and_leaves_nothing(script: Script, workspaces: Workspaces, azure: Azure) -> None:
    code, printed, report = script(on_aks(workspaces.inference(NAME)))
    assert code == 0, printed
    assert report["passed"] is True
    steps = {step["name"]: step["seen"] for step in report["steps"]}
    assert [*steps] == [
        "read settings and Workspace", "no pool of that Workspace is there", "apply", "serve", "pool", "ask", "delete",
        "nothing is left over",
    ]  # fmt: skip
    assert steps["ask"] == MODELS["data"]
    assert len(steps["pool"]) == 1
    assert azure.pools == {}
    assert {"pools.put", "pools.delete"} <= {call.kind for call in azure.cloud.calls}


def test_what_cannot_be_served_is_told_at_once_and_deleted(
    script: Script, workspaces: Workspaces, azure: Azure
) -> None:
    quota = azure.cloud.quotas["StandardNCADSA100v4Family"]
    limit, quota.limit = quota.limit, 0
    try:
        code, printed, report = script(on_aks(workspaces.inference("script-poor")))
    finally:
        quota.limit = limit
    assert code == 2, printed  # make's own, for a recipe that failed
    assert "Traceback" not in printed
    assert report["passed"] is False
    (failed,) = [step for step in report["steps"] if not step["passed"]]
    assert failed["name"] == "serve"
    assert "QuotaExceeded" in failed["seen"]
    assert workspaces.get("script-poor") == {}
    assert azure.pools == {}


def test_a_file_that_cannot_be_read_is_named(script: Script) -> None:
    code, printed, report = script({"kind": "Workspace"})
    assert code == 2, printed
    assert "workspace.yaml: metadata.name is missing" in printed
    assert "Traceback" not in printed
    assert report["passed"] is False
