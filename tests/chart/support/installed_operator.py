"""The operator as a process of this machine, with what the chart installed: account, rights, settings and Lease.

No container runs on KWOK's nodes, so the pods of the chart's Deployment only seem to run.
"""

from __future__ import annotations

from pathlib import Path

import yaml
from tests.chart.support.helm import NAMESPACE

from llmwright.targets.kubernetes.operator.rbac import NAME
from llmwright.testing.cluster import Cluster, OperatorProcess
from llmwright.testing.cluster.certificates import kubeconfig


def installed_operator(plane: Cluster, folder: Path) -> OperatorProcess:
    """Return it, not started yet."""
    token = plane.kubectl("create", "token", NAME, f"--namespace={NAMESPACE}", "--duration=2h").strip()
    server = {"server": plane.url, "certificate-authority": str(plane.folder / "ca.crt")}
    access = folder / "kubeconfig"
    access.write_text(kubeconfig(server, {"token": token}))
    (config_map,) = [each for each in plane.get("configmaps", f"-n{NAMESPACE}") if each["metadata"]["name"] == NAME]
    settings = yaml.safe_load(config_map["data"]["llmwright.yaml"])
    return OperatorProcess(access, folder, settings, ("--lease-namespace", NAMESPACE), elects=True)
