"""Pools of AKS that no Workspace needs any more: listed, and given back after two searches; no other one ever is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.azure import Azure, azure, environ, on_aks
from tests.cluster.support.operating import SETTINGS, Shift
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

__all__ = ["azure", "environ"]

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

OTHERS = {
    "byhand": {},
    "lwbyhand0000": {"nodeLabels": {"aks.llmwright.io/workspace": "kept"}},
    "halftagged": {"tags": {"llmwright-workspace": "gone"}},
}
"""Pools of others: one that is like ours in nothing, in its name and labels, and in one of two tags."""


@pytest.fixture(scope="module")
def settings(azure: Azure) -> dict[str, Any]:
    """An operator that searches every second, and gives nothing back."""
    aks = {"plugins": {"provisioner": {"aks": azure.settings}}}
    return {**SETTINGS, "provisioner": "aks", "orphans": {"interval": 1}, **aks}


def listed(plane: Cluster, azure: Azure, settings: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "settings.yaml"
    file.write_text(json.dumps(settings))
    command = [sys.executable, "-m", "llmwright", "--settings", str(file), "orphans"]
    variables = {**azure.server.environ(), "KUBECONFIG": str(plane.kubeconfig)}
    return subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)


def test_a_pool_whose_workspace_is_gone_is_listed_and_given_back_alone(
    workspaces: Workspaces, azure: Azure, shift: Shift, settings: dict[str, Any], environ: dict[str, str],
    tmp_path: Path,
) -> None:  # fmt: skip
    plane, cluster = workspaces.plane, azure.cloud.clusters["rg", "prod"]
    for name, properties in OTHERS.items():
        cluster.seed_pool(name, vmSize="Standard_NC24ads_A100_v4", **properties)
    workspaces.apply(*(on_aks(workspaces.inference(name)) for name in ("aks-kept", "aks-gone")))
    for name in ("aks-kept", "aks-gone"):
        workspaces.until(name, "Ready")
    owners = {pool.properties["tags"]["llmwright-workspace"]: name for name, pool in cluster.pools.items()
              if name.startswith("lw") and name not in OTHERS}  # fmt: skip
    assert listed(plane, azure, settings, tmp_path).stdout == ""

    # Somebody takes the finalizer away while no operator runs: nobody gives the pool back.
    shift.off()
    plane.kubectl("patch", "workspace", "aks-gone", "--type=merge", '-p={"metadata":{"finalizers":null}}')
    plane.kubectl("delete", "workspace", "aks-gone", "--timeout=60s")
    done = listed(plane, azure, settings, tmp_path)
    assert (done.returncode, done.stdout) == (1, f"aks  agentpool/{owners['aks-gone']}\n"), done.stderr

    # Only told of, unless the settings say otherwise.
    log = shift.on(settings, environ).log
    told = f"orphan of aks: no Workspace needs agentpool/{owners['aks-gone']} any more"
    wait_until(lambda: told in log.read_text(), "it is told")
    since = len(azure.cloud.calls)
    shift.on({**settings, "orphans": {"interval": 1, "delete": True}}, environ)
    wait_until(lambda: owners["aks-gone"] not in azure.pools, "the orphan is gone")
    assert {*azure.pools} == {owners["aks-kept"], *OTHERS}
    deletes = [call.path for call in azure.cloud.calls[since:] if call.kind == "pools.delete"]
    assert {path.rsplit("/", 1)[-1] for path in deletes} == {owners["aks-gone"]}
    assert listed(plane, azure, settings, tmp_path).returncode == 0
    workspaces.until("aks-kept", "Ready")
