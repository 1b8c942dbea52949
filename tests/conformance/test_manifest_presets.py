"""vLLM's flags for each of upstream's models, compared with upstream's own catalogue."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from tests.conformance.manifest_commands import read_command
from tests.conformance.manifest_scenario import Cluster
from tests.support.kaito_facts import PRESETS

MACHINES = ("Standard_ND96isr_H200_v5", "Standard_NV36ads_A10_v5")
TEMPLATE = "chat-template"
CODE = "trust-remote-code"
AUTO = ("load_format", "auto")
OTHERS = frozenset(
    {
        "revision", "code-revision", "download-dir", "served-model-name", "max-model-len", "host", "port",
        "shutdown-timeout",
        "gpu-memory-utilization", "kv-events-config", "compilation-config.pass_config.fuse_allreduce_rms",
        "tensor-parallel-size", "data-parallel-size", "pipeline-parallel-size", "distributed-executor-backend",
        "nnodes", "node-rank", "master-addr", "master-port", "headless",
    }
)  # fmt: skip
"""Flags that do not come from the catalogue."""

pytestmark = pytest.mark.skipif(not PRESETS.is_file(), reason="upstream's catalogue is not beside this checkout")


def models() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(PRESETS.read_text())["models"] if PRESETS.is_file() else []
    return found


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return Cluster()


def served(cluster: Cluster, model: dict[str, Any], machine: str) -> dict[str, Any]:
    workspace = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "ws1", "namespace": "ns1"},
        "resource": {"instanceType": machine, "labelSelector": {"matchLabels": {"apps": "x"}}},
        "inference": {"preset": {"name": model["catalog_id"]}},
    }
    nodes = model["min_nodes_by_sku_default_ctx"][f"azure/{machine}"]
    given = {"cloud": "azure", "workspace": workspace, "target_node_count": nodes, "provisioner": "byo"}
    objects = cluster.objects({**given, "nvme_storage_class_exists": False})
    container: dict[str, Any] = objects["workload"]["spec"]["template"]["spec"]["containers"][0]
    return container


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("model", models(), ids=lambda model: model["name"])
def test_a_model_gets_upstream_s_flags(cluster: Cluster, model: dict[str, Any], machine: str) -> None:
    container = served(cluster, model, machine)
    flags = read_command(container)["flags"]
    written = model["vllm_default_params"].items()
    # Flags of KAITO's own program, which the engine does not have: the listed difference `cache-on-gpu`.
    catalogued = {name: value or None for name, value in written if not name.startswith("kaito-")}
    # Upstream's catalogue has it for every model: the listed difference `no-remote-code`.
    assert CODE in catalogued
    assert (CODE in flags) is cluster.catalogue.preset(model["catalog_id"]).remote_code
    # And `auto`, by which pickles are loaded too: the listed difference `safetensors-only`.
    expected = {name: "safetensors" if (name, value) == AUTO else value for name, value in catalogued.items()}
    # And the template's path in the image: the listed difference `vllm-templates`.
    compared = catalogued.keys() - {CODE, TEMPLATE}
    assert {name: flags.get(name, "missing") for name in compared} == {name: expected[name] for name in compared}
    assert (TEMPLATE in flags) is (TEMPLATE in catalogued)
    assert flags.keys() <= catalogued.keys() | OTHERS
    assert flags["served-model-name"] == model["name"]
    env = {one["name"]: one.get("value") for one in container["env"]}
    assert (env["VLLM_USE_DEEP_GEMM"] == "1") is model["requires_deepgemm"]
    assert container["startupProbe"]["failureThreshold"] == math.ceil(model["readiness_timeout_s"] / 10)
