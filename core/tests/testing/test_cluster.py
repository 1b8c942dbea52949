"""The cluster for the tests of plugins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.support.programs import assets

from llmwright.testing.cluster import find_programs, running_cluster
from llmwright.testing.cluster.programs import NEEDED

WORKSPACE: dict[str, Any] = {
    "apiVersion": "kaito.sh/v1beta1",
    "kind": "Workspace",
    "metadata": {"name": "demo"},
    "resource": {"instanceType": "Standard_NC24ads_A100_v4", "labelSelector": {"matchLabels": {"apps": "demo"}}},
    "inference": {"preset": {"name": "phi-4-mini-instruct"}},
}


def test_without_the_variable_a_test_is_skipped_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="KUBEBUILDER_ASSETS is not set: set KUBEB"):
        find_programs()


def test_a_folder_that_lacks_programs_is_no_reason_to_skip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    (tmp_path / "etcd").touch()
    with pytest.raises(pytest.fail.Exception, match=f"{tmp_path} has no kube-apiserver, kubectl"):
        find_programs()


@pytest.mark.cluster
def test_three_programs_are_enough_for_nodes(tmp_path: Path) -> None:
    few = tmp_path / "assets"
    few.mkdir()
    for program in NEEDED:
        (few / program).symlink_to(os.path.realpath(assets() / program))
    with running_cluster(tmp_path / "cluster", few) as cluster, cluster.operator({"provisioner": "byo"}) as operator:
        cluster.apply(WORKSPACE)
        cluster.until("demo", "NodesReady", "False")
        cluster.add_node(
            "node", {"apps": "demo", "node.kubernetes.io/instance-type": WORKSPACE["resource"]["instanceType"]}
        )
        cluster.until("demo", "ResourceReady")
        assert cluster.status("demo")["workerNodes"] == ["node"]
        assert operator.lines()
        cluster.kubectl("delete", "workspace", "demo", "--timeout=60s")
