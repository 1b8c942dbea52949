"""``llmwright doctor`` on a real API server: its definition of Workspaces, and the rights of who asks."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from llmwright.app.cluster_doctor import cluster_findings
from llmwright.app.session import Session
from llmwright.testing.cluster import Cluster
from llmwright.values.nodes import Finding

pytestmark = pytest.mark.cluster


def found(kubeconfig: Path) -> dict[str, Finding]:
    return {finding.about: finding for finding in cluster_findings(Session(), str(kubeconfig))[1]}


def test_the_operators_account_has_all_that_it_needs(plane: Cluster, tmp_path: Path) -> None:
    findings = found(plane.write_kubeconfig(tmp_path / "operator"))
    # By whether another test has KubeRay there now.
    findings.pop("objects of runtime ray", None)
    assert {about: (finding.state, finding.message) for about, finding in findings.items()} == {
        "cluster": ("ok", f"{plane.url} answers"),
        "Workspace definition": ("ok", "the cluster serves all fields of this version"),
        "rights": ("ok", "all that the operator and the installed drivers need"),
    }


def test_who_may_read_the_definition_is_told_that_it_is_ours(plane: Cluster) -> None:
    finding = found(plane.kubeconfig)["Workspace definition"]
    assert (finding.state, finding.message) == ("ok", "the cluster serves all fields of this version")


def test_rights_that_lack_are_named(plane: Cluster, tmp_path: Path) -> None:
    account = tmp_path / "nobody"
    plane.kubectl("create", "serviceaccount", "nobody")
    token = plane.kubectl("create", "token", "nobody").strip()
    access = yaml.safe_load(plane.write_kubeconfig(tmp_path / "operator").read_text())
    access["users"][0]["user"] = {"token": token}
    account.write_text(yaml.safe_dump(access))
    finding = found(account)["rights"]
    assert finding.state == "unchecked"
    assert "get/list/watch nodes" in finding.message
    plane.kubectl("delete", "serviceaccount", "nobody")
