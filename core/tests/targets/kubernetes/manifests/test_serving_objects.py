"""Services and StatefulSets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llmwright.targets.kubernetes.manifests import serving_objects, template_objects
from llmwright.values.instance_type import InstanceType
from llmwright.values.launch import Exec, Launch, Mount, Probe, Process, Ranks, SecretKey, Volume
from llmwright.values.nodes import Placement

from .conftest import NODES, SERVER

INFERENCE = {"preset": {"name": "phi-4"}}
GIB = 1024**3


def pod(objects: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    spec: dict[str, Any] = objects[-1]["spec"]["template"]["spec"]
    return spec


def container(objects: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    found: dict[str, Any] = pod(objects)["containers"][0]
    return found


def ports(service: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {port["name"]: (port["port"], port["targetPort"]) for port in service["spec"]["ports"]}


def test_every_object_is_the_workspace_s_own(rendering: Any) -> None:
    for found in serving_objects(rendering(inference=INFERENCE), SERVER, NODES):
        about = found["metadata"]
        assert about["labels"] == {"kaito.sh/workspace": "ws"}
        (owner,) = about["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == ("Workspace", "ws", "1-2", True)


def test_nothing_is_owned_by_what_does_not_exist_yet(rendering: Any) -> None:
    found = serving_objects(rendering(metadata={"uid": None}, inference=INFERENCE), SERVER, NODES)
    assert all("ownerReferences" not in one["metadata"] for one in found)


def test_references_are_filled_in_and_the_kubelet_s_own_are_not_made(rendering: Any) -> None:
    main = replace(SERVER.main, argv=(*SERVER.main.argv, "$(HOME)"), env={"A": "$(volume.dshm)/$(PATH)"})
    found = container(serving_objects(rendering(inference=INFERENCE), replace(SERVER, main=main), NODES))
    assert found["command"] == ["python3", "-m", "server", "--port", "5000", "--host", "0.0.0.0", "$$(HOME)"]
    assert {"name": "A", "value": "/dev/shm/$$(PATH)"} in found["env"]


def test_secrets_are_named_and_the_address_is_the_pod_s(rendering: Any) -> None:
    env = {"KEY": SecretKey("s", "k"), "MUST": SecretKey("s", "k", optional=False), "HERE": "$(address)"}
    launch = replace(SERVER, main=replace(SERVER.main, env=env))
    found = {one["name"]: one["valueFrom"] for one in container(
        serving_objects(rendering(inference=INFERENCE), launch, NODES))["env"] if "valueFrom" in one}  # fmt: skip
    assert found == {
        "KEY": {"secretKeyRef": {"name": "s", "key": "k", "optional": True}},
        "MUST": {"secretKeyRef": {"name": "s", "key": "k"}},
        "HERE": {"fieldRef": {"fieldPath": "status.podIP"}},
    }


def test_downloads_go_to_a_volume_unless_the_driver_has_one(rendering: Any) -> None:
    found = container(serving_objects(rendering(inference=INFERENCE), SERVER, NODES))
    assert {"name": "model-weights-volume", "mountPath": "/workspace/weights"} in found["volumeMounts"]
    assert {"name": "HF_HOME", "value": "/workspace/weights"} in found["env"]
    own = replace(SERVER, volumes=(*SERVER.volumes, Volume(name="model")))
    assert "env" not in container(serving_objects(rendering(inference=INFERENCE), own, NODES))


def with_adapters() -> Launch:
    mounts = tuple(Mount(volume=f"adapter-{n}", path=f"/mnt/adapter/{n}", read_only=True) for n in ("a", "b", "c"))
    pulls = tuple(
        Process(name=f"pull-{n}", argv=("pull", f"$(volume.adapter-{n})"), mounts=(replace(m, read_only=False),))
        for n, m in zip("ab", mounts, strict=False)
    )
    claim = {"persistentVolumeClaim": {"claimName": "pvc"}}
    return replace(
        SERVER,
        main=replace(SERVER.main, mounts=(*SERVER.main.mounts, *mounts)),
        prepare=pulls,
        volumes=(
            *SERVER.volumes,
            Volume(name="adapter-a"),
            Volume(name="adapter-b"),
            Volume(name="adapter-c", kind="volume_source", source=claim),
        ),
    )


def test_adapters_that_are_pulled_share_a_volume(rendering: Any) -> None:
    found = serving_objects(rendering(inference=INFERENCE), with_adapters(), NODES)
    volumes = {volume["name"]: volume for volume in pod(found)["volumes"]}
    assert volumes["adapter-volume"]["emptyDir"] == {}
    assert volumes["adapter-volume-c"]["persistentVolumeClaim"] == {"claimName": "pvc"}
    mounts = [mount for mount in container(found)["volumeMounts"] if "adapter" in mount["name"]]
    assert mounts == [
        {"name": "adapter-volume", "mountPath": "/mnt/adapter"},
        {"name": "adapter-volume-c", "mountPath": "/mnt/adapter/c", "readOnly": True},
    ]
    first, second = pod(found)["initContainers"]
    assert (first["name"], second["name"]) == ("puller-a", "puller-b")
    assert first["command"] == ["pull", "/mnt/adapter/a"]


def test_several_machines_tell_themselves_apart(rendering: Any) -> None:
    ranks = Ranks(count=2, leader=("lead", "--n=2"), worker=("follow", "$(leader)"), rendezvous_port=6379)
    live = Probe(check=Exec(("ask", "$(leader)")), termination_grace_s=1)
    launch = replace(SERVER, ranks=ranks, main=replace(SERVER.main, argv=("serve", "it's"), live=live))
    found = container(serving_objects(rendering(inference=INFERENCE), launch, replace(NODES, count=2)))
    leader = "ws-0.ws-headless.ns.svc.cluster.local"
    line = f"""if [ "${{POD_INDEX}}" = "0" ]; then lead --n=2 && exec serve 'it'"'"'s'; else exec follow {leader}; fi"""
    assert found["command"] == ["/bin/sh", "-c", line]
    assert found["livenessProbe"]["exec"] == {"command": ["ask", leader]}
    assert found["livenessProbe"]["terminationGracePeriodSeconds"] == 1
    assert found["env"][-1]["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.labels['apps.kubernetes.io/pod-index']"


def test_weights_lie_on_the_node_s_own_disk_where_there_is_one(rendering: Any) -> None:
    own = replace(SERVER, volumes=(*SERVER.volumes, Volume(name="model")), main=replace(
        SERVER.main, mounts=(Mount(volume="model", path="/workspace/weights"),)))  # fmt: skip
    fast = replace(NODES, instance_type=InstanceType(name="m", cloud="azure", nvme=True), disk_bytes=87 * GIB)
    found = serving_objects(rendering({"disk_class": "fast"}, inference=INFERENCE), own, fast)
    (claim,) = found[-1]["spec"]["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "model-weights-volume"
    assert claim["spec"]["resources"] == {"requests": {"storage": "87Gi"}}
    assert [volume["name"] for volume in pod(found)["volumes"]] == ["dshm"]
    for slow in (rendering(inference=INFERENCE), rendering({"disk_class": "fast"}, inference=INFERENCE)):
        nodes = fast if slow.settings.disk_class is None else NODES
        assert "volumeClaimTemplates" not in serving_objects(slow, own, nodes)[-1]["spec"]


def test_a_slice_is_asked_for_and_tolerated(rendering: Any) -> None:
    resource = {"partition": {"mode": "mig", "profile": "1g.10gb"}}
    found = serving_objects(rendering(inference=INFERENCE, resource=resource), SERVER, NODES)
    assert container(found)["resources"]["limits"] == {"nvidia.com/mig-1g.10gb": "2"}
    taint = {"key": "nvidia.com/mig-1g.10gb", "operator": "Exists", "effect": "NoSchedule"}
    assert taint in pod(found)["tolerations"]


def test_only_azure_has_its_spot_taint(rendering: Any) -> None:
    keys = []
    for cloud in ("azure", "aws"):
        found = serving_objects(rendering({"cloud": cloud}, inference=INFERENCE), SERVER, NODES)
        keys.append({one["key"] for one in pod(found)["tolerations"]})
    assert keys[0] - keys[1] == {"kubernetes.azure.com/scalesetpriority"}


def required(objects: tuple[dict[str, Any], ...]) -> dict[str, str]:
    node = pod(objects).get("affinity", {}).get("nodeAffinity", {})
    terms = node.get("requiredDuringSchedulingIgnoredDuringExecution", {"nodeSelectorTerms": [{}]})
    expressions = terms["nodeSelectorTerms"][0].get("matchExpressions", [])
    return {one["key"]: one["values"][0] for one in expressions}


def test_pods_go_where_user_and_provisioner_say(rendering: Any) -> None:
    placed = Placement(selector={"apps": "x", "kaito.sh/workspace": "ws"}, runtime_class="nvidia")
    found = serving_objects(rendering(placement=placed, inference=INFERENCE), SERVER, NODES)
    assert required(found) == {"apps": "x", "kaito.sh/workspace": "ws"}
    assert pod(found)["runtimeClassName"] == "nvidia"


def test_reserved_labels_of_the_user_count_for_nothing(rendering: Any) -> None:
    nodes = replace(NODES, selector={"kaito.sh/workspace": "other"})
    placed = Placement(selector=nodes.selector)
    assert "affinity" not in pod(serving_objects(rendering(placement=placed, inference=INFERENCE), SERVER, nodes))


def test_the_service_has_kaito_s_ports_and_torch_s(rendering: Any) -> None:
    launch = replace(SERVER, ports={"http": 5000, "kv-events": 5557})
    endpoint, headless, _ = serving_objects(rendering(inference=INFERENCE), launch, NODES)
    assert ports(endpoint) == {
        "http": (80, 5000), "ray": (6379, 6379), "dashboard": (8265, 8265), "torch": (29500, 29500),
        "kv-events": (5557, 5557),
    }  # fmt: skip
    assert endpoint["spec"]["selector"]["statefulset.kubernetes.io/pod-name"] == "ws-0"
    assert headless["spec"]["clusterIP"] == "None"
    assert "kv-events" not in ports(serving_objects(rendering(inference=INFERENCE), SERVER, NODES)[0])


BALANCED = {"annotations": {"kaito.sh/enablelb": "True"}}


@pytest.mark.parametrize("cloud", ["azure", "aws", "gcp"])
def test_a_load_balancer_is_internal_unless_a_setting_says_public(rendering: Any, cloud: str) -> None:
    launch = replace(SERVER, ports={"http": 5000, "kv-events": 5557})
    internal = serving_objects(rendering({"cloud": cloud}, metadata=BALANCED, inference=INFERENCE), launch, NODES)[0]
    assert internal["spec"]["type"] == "LoadBalancer"
    assert internal["metadata"]["annotations"]
    assert "kv-events" not in ports(internal)
    settings = {"cloud": cloud, "endpoints": {"public": True}}
    public = serving_objects(rendering(settings, metadata=BALANCED, inference=INFERENCE), launch, NODES)[0]
    assert "annotations" not in public["metadata"]
    assert ports(public) == {"http": (80, 5000)}


def test_enablelb_is_read_in_kaito_s_exact_letters(rendering: Any) -> None:
    written = rendering(metadata={"annotations": {"kaito.sh/enablelb": "true"}}, inference=INFERENCE)
    assert serving_objects(written, SERVER, NODES)[0]["spec"]["type"] == "ClusterIP"


def test_several_copies_all_answer(rendering: Any) -> None:
    found = serving_objects(rendering(inference={**INFERENCE, "replicas": 3}), SERVER, replace(NODES, count=3))
    assert found[0]["spec"]["selector"] == {"kaito.sh/workspace": "ws"}


def test_a_template_is_kept_and_placed(rendering: Any) -> None:
    written = {"metadata": {"labels": {"a": "b"}}, "spec": {
        "containers": [{"name": "c", "image": "i:1"}], "affinity": {"podAffinity": {}}, "tolerations": [{"key": "own"}],
    }}  # fmt: skip
    resource = {"labelSelector": {"matchLabels": {"apps": "x"}}}
    *_, workload = template_objects(rendering(inference={"template": written}, resource=resource), 2)
    assert workload["spec"]["replicas"] == 2
    found = workload["spec"]["template"]
    assert found["metadata"]["labels"] == {"a": "b", "kaito.sh/workspace": "ws"}
    assert found["spec"]["containers"] == [{"name": "c", "image": "i:1"}]
    assert list(found["spec"]["affinity"]) == ["nodeAffinity"]
    assert found["spec"]["tolerations"][0] == {"key": "own"}
    assert written["spec"]["tolerations"] == [{"key": "own"}]
