"""``make e2e-eks`` against the real API server and Karpenter's KWOK provider: all of it but AWS itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
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


def test_all_steps_pass_and_nothing_is_left(
    plane: Cluster, operator: OperatorProcess, workspaces: Workspaces, tmp_path: Path
) -> None:
    """KWOK starts no container, so nobody answers: the model is not asked."""
    (tmp_path / "workspace.json").write_text(json.dumps(workspaces.inference(NAME, provisioner="karpenter")))
    report = tmp_path / "report.json"
    script = (sys.executable, "-m", "plugins.provisioner_karpenter.e2e.run", "--workspace", tmp_path / "workspace.json")
    assets = plane.programs.assets
    environ = {**os.environ, "KUBECONFIG": str(plane.kubeconfig), "PATH": f"{assets}:{os.environ['PATH']}"}
    done = subprocess.run(
        [*script, "--report", report, "--no-ask", "--yes"],
        cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(report.read_text())
    assert told["passed"]
    steps = {step["name"]: step["seen"] for step in told["steps"]}
    assert len(steps["machine"]) == 1
    assert steps["nothing is left over"] == []
