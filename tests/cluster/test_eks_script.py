"""``make e2e-eks`` against the real API server and Karpenter's KWOK provider: all of it but AWS itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.lent_model import MODELS, lent_model
from tests.cluster.support.operating import BUYING
from tests.cluster.support.workspaces import Workspaces

from llmwright.testing.cluster import Cluster, OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
NAME = "eks-script"


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    """Machines are Karpenter's."""
    return BUYING


def test_a_workspace_is_served_asked_and_leaves_nothing(
    plane: Cluster, operator: OperatorProcess, workspaces: Workspaces, tmp_path: Path
) -> None:
    wanted, report = tmp_path / "workspace.json", tmp_path / "report.json"
    wanted.write_text(json.dumps(workspaces.inference(NAME, provisioner="karpenter")))
    path = f"{plane.programs.assets}:{os.environ['PATH']}"
    environ = {**os.environ, "KUBECONFIG": str(plane.kubeconfig), "PATH": path}
    script = ["make", "-s", "-o", ".venv/.workspace", "e2e-eks", f"BIN={Path(sys.executable).parent}"]
    arguments = f"ARGS=--workspace {wanted} --report {report} --yes"
    with lent_model(plane, NAME):
        done = subprocess.run(
            [*script, arguments], cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=300
        )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text())
    assert told["passed"]
    steps = {step["name"]: step["seen"] for step in told["steps"]}
    assert len(steps["machine"]) == 1
    assert steps["ask"] == MODELS["data"]
    assert steps["nothing is left over"] == []
