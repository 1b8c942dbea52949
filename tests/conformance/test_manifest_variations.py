"""What upstream's written facts say of scenarios that no golden shows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.conformance.manifest_commands import read_command
from tests.conformance.manifest_scenario import Cluster
from tests.conformance.manifest_translation import in_upstreams_names

A100 = {
    "metadata": {
        "name": "n1",
        "labels": {
            "apps": "x",
            "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
            "nvidia.com/gpu.count": "4",
            "nvidia.com/gpu.memory": "81920",
        },
    },
    "status": {"conditions": [{"type": "Ready", "status": "True"}]},
}


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return Cluster()


def scenario(
    resource: dict[str, Any] | None = None, about: dict[str, Any] | None = None, nodes: int = 1, **given: Any
) -> dict[str, Any]:
    workspace = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "ws1", "namespace": "ns1", "uid": "1", **(about or {})},
        "resource": {"labelSelector": {"matchLabels": {"apps": "x"}}, **(resource or {})},
        **({} if "tuning" in given else {"inference": {"preset": {"name": "phi-4"}, **given.pop("inference", {})}}),
        **({"tuning": given.pop("tuning")} if "tuning" in given else {}),
    }
    return {
        "cloud": "azure", "workspace": workspace, "target_node_count": nodes, "provisioner": "byo",
        "feature_gates": {"disableNodeAutoProvisioning": True}, "nvme_storage_class_exists": False, "nodes": [A100],
        **given,
    }  # fmt: skip


def pod(objects: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = objects["workload"]["spec"]["template"]["spec"]
    return found


def main(objects: dict[str, Any]) -> dict[str, Any]:
    spec = pod(objects)
    every = [*spec.get("initContainers", ()), *spec["containers"]]
    return next(one for one in every if one["name"] == "ws1")


def flags(objects: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = read_command(main(objects))["flags"]
    return found


def test_a_slice_of_a_gpu(cluster: Cluster) -> None:
    found = cluster.objects(scenario({"partition": {"mode": "mig", "profile": "3g.40gb"}}))
    requests = main(found)["resources"]["requests"]
    assert requests.keys() - {"cpu", "memory"} == {"nvidia.com/mig-3g.40gb"}
    assert requests["nvidia.com/mig-3g.40gb"] == "1"
    assert {"key": "nvidia.com/mig-3g.40gb", "operator": "Exists", "effect": "NoSchedule"} in pod(found)["tolerations"]
    assert flags(found)["tensor-parallel-size"] == "1"


def test_some_gpus_of_a_shared_node(cluster: Cluster) -> None:
    found = cluster.objects(scenario({"partition": {"mode": "accelerator", "count": 1}}))
    assert main(found)["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    two = cluster.objects(scenario({"partition": {"mode": "accelerator", "count": 2}}))
    assert flags(two)["data-parallel-size"] == "2"


def test_a_whole_node_of_several_gpus(cluster: Cluster) -> None:
    found = cluster.objects(scenario(inference={"preset": {"name": "gpt-oss-120b"}}))
    assert (flags(found)["tensor-parallel-size"], flags(found)["dtype"]) == ("4", "auto")
    assert main(found)["resources"]["limits"] == {"nvidia.com/gpu": "4"}


def test_a_load_balancer(cluster: Cluster) -> None:
    service = cluster.objects(scenario(about={"annotations": {"kaito.sh/enablelb": "True"}}))["service"]
    assert service["spec"]["type"] == "LoadBalancer"
    assert "kv-events" not in {port["name"] for port in service["spec"]["ports"]}
    assert service["metadata"]["annotations"] == {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"}


def test_decoding_apart(cluster: Cluster) -> None:
    found = cluster.objects(scenario(about={"labels": {"kaito.sh/inference-role": "decode"}}))
    assert flags(found)["port"] == "5001"
    sidecar = pod(found)["containers"][1]
    assert sidecar["image"].endswith("llm-d-routing-sidecar:v0.8.0")
    assert sidecar["args"] == ["--port=5000", "--vllm-port=5001", "--secure-proxy=false"]
    assert sidecar["ports"] == [{"name": "sidecar", "containerPort": 5000}]
    address = {"fieldRef": {"fieldPath": "status.podIP"}}
    assert {one["name"]: one["valueFrom"] for one in sidecar["env"] if "valueFrom" in one} == {
        "POD_IP": address,
        "VLLM_NIXL_SIDE_CHANNEL_HOST": address,
    }
    ports = {one["name"]: one["containerPort"] for one in main(found)["ports"]}
    assert ports == {"http": 5001, "kv-events": 5557}
    env = {one["name"]: one for one in main(found)["env"]}
    transfer = json.loads(flags(found)["kv-transfer-config"])
    assert transfer == {"kv_connector": "NixlConnector", "kv_role": "kv_both", "kv_load_failure_policy": "fail"}
    assert env["VLLM_NIXL_SIDE_CHANNEL_HOST"]["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}
    assert found["workload"]["spec"]["selector"]["matchLabels"]["kaito.sh/inference-role"] == "decode"


def test_weights_that_lie_on_the_node(cluster: Cluster) -> None:
    found = cluster.objects(scenario(about={"annotations": {"kaito.sh/use-local-weights": "true"}}))
    path = "/opt/kaito/models/microsoft-phi-4"
    assert main(found)["command"][:3] == ["vllm", "serve", path]
    assert flags(found)["load-format"] == "runai_streamer"
    assert not flags(found).keys() & {"load_format", "download-dir"}
    volume = {"name": "model-weights-volume", "hostPath": {"path": path, "type": "Directory"}}
    assert volume in pod(found)["volumes"]


def test_weights_on_a_disk_of_the_node(cluster: Cluster) -> None:
    nodes: dict[str, Any] = {
        "resource": {"instanceType": "Standard_NC24ads_A100_v4"},
        "nodes": None,
        "feature_gates": None,
    }
    found = cluster.objects(scenario(**nodes, nvme_storage_class_exists=True))
    (claim,) = found["workload"]["spec"]["volumeClaimTemplates"]
    assert claim["metadata"] == {"name": "model-weights-volume", "labels": {"kaito.sh/workspace": "ws1"}}
    assert claim["spec"]["resources"]["requests"] == {"storage": "107Gi"}
    assert "volumeClaimTemplates" not in cluster.objects(scenario(**nodes))["workload"]["spec"]


@pytest.mark.parametrize(("mode", "expected"), [("balanced", None), ("throughput", "throughput")])
def test_performance_mode(cluster: Cluster, mode: str, expected: str | None) -> None:
    found = cluster.objects(scenario(about={"annotations": {"kaito.sh/performance-mode": mode}}))
    assert flags(found).get("performance-mode") == expected


def test_an_inference_set_s_own_name(cluster: Cluster) -> None:
    found = cluster.objects(scenario(about={"labels": {"inferenceset.kaito.sh/created-by": "fleet"}}))
    assert flags(found)["served-model-name"] == "fleet"
    assert found["workload"]["spec"]["template"]["metadata"]["labels"]["inferenceset.kaito.sh/created-by"] == "fleet"


def test_kernels_are_compiled_with_the_image_s_own_compiler(cluster: Cluster) -> None:
    found = cluster.objects(scenario(inference={"preset": {"name": "glm-5.2-fp8"}}, nodes=4))
    assert {"name": "VLLM_USE_DEEP_GEMM", "value": "1"} in main(found)["env"]
    assert [each["name"] for each in pod(found)["initContainers"]] == ["engine-plugin", "fetch-model"]
    assert "CUDA_HOME" not in {each["name"] for each in main(found)["env"]}


def test_tuning_on_several_gpus(cluster: Cluster) -> None:
    tuning = {
        "preset": {"name": "phi-4"}, "method": "qlora", "input": {"urls": ["https://data.example.com/a.json"]},
        "output": {"volumeSource": {"persistentVolumeClaim": {"claimName": "out"}}},
    }  # fmt: skip
    found = cluster.objects(scenario(tuning=tuning))
    assert in_upstreams_names(read_command(main(found)))["flags"]["num_processes"] == "4"


@pytest.mark.parametrize("name", ["ds", ""])
def test_data_from_an_image(cluster: Cluster, name: str) -> None:
    tuning = {
        "preset": {"name": "phi-4"}, "method": "qlora", "config": "own",
        "input": {**({"name": name} if name else {}), "image": "r.example/d:1", "imagePullSecrets": ["a", "b"]},
        "output": {"volumeSource": {"persistentVolumeClaim": {"claimName": "out"}}},
    }  # fmt: skip
    found = cluster.objects(scenario(tuning=tuning))
    (puller,) = pod(found)["initContainers"]
    assert puller["name"] == "puller"
    logins = f"docker-config-{name}-tuning-input"
    assert {one["mountPath"] for one in puller["volumeMounts"] if one["name"] == logins} == {
        f"/mnt/docker/{name}-tuning-input"
    }
    (projected,) = (one["projected"] for one in pod(found)["volumes"] if one["name"] == logins)
    paths = [source["secret"]["items"][0]["path"] for source in projected["sources"]]
    assert paths == ["a.json", "b.json"]
    assert [one["name"] for one in pod(found)["containers"]] == ["ws1"]
    assert {"name": "config-volume", "configMap": {"name": "own"}} in pod(found)["volumes"]


def test_a_private_preset_s_image(cluster: Cluster) -> None:
    options = {"image": "r.example/weights:1", "imagePullSecrets": ["key"]}
    preset = {"name": "phi-4", "accessMode": "private", "presetOptions": options}
    found = cluster.objects(scenario(inference={"preset": preset}))
    pull, _ = pod(found)["initContainers"]
    where = {"reference": "r.example/weights:1", "to": "/workspace/weights"}
    assert read_command(pull)["flags"] == {"model": None, **where}
    assert pod(found)["imagePullSecrets"] == [{"name": "key"}]
    assert any(mount["name"] == "docker-config-model" for mount in pull["volumeMounts"])
