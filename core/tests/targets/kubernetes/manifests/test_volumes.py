"""Volumes for weights and adapters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from core.tests.targets.kubernetes.support.rendered import NODES, SERVER, TUNING, container, pod, render_input, serving
from pydantic import ValidationError

from llmwright.plugins.weights import weights_of
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.manifests import tuning_objects
from llmwright.targets.kubernetes.manifests.volumes import mounts_an_image
from llmwright.testing import make_preset
from llmwright.values.instance_type import InstanceType
from llmwright.values.launch import Launch, Mount, Process, Volume

GIB = 1024**3


def test_downloads_go_to_a_volume_unless_the_driver_has_one() -> None:
    main = container(serving())
    assert {"name": "model-weights-volume", "mountPath": "/workspace/weights"} in main["volumeMounts"]
    assert {"name": "HF_HOME", "value": "/workspace/weights"} in main["env"]
    own = replace(SERVER, volumes=(*SERVER.volumes, Volume(name="model")))
    assert "HF_HOME" not in {variable["name"] for variable in container(serving(own))["env"]}


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


def test_adapters_that_are_pulled_share_a_volume() -> None:
    objects = serving(with_adapters())
    volumes = {volume["name"]: volume for volume in pod(objects)["volumes"]}
    assert volumes["adapter-volume"]["emptyDir"] == {}
    assert volumes["adapter-volume-c"]["persistentVolumeClaim"] == {"claimName": "pvc"}
    mounts = [mount for mount in container(objects)["volumeMounts"] if "adapter" in mount["name"]]
    assert mounts == [
        {"name": "adapter-volume", "mountPath": "/mnt/adapter"},
        {"name": "adapter-volume-c", "mountPath": "/mnt/adapter/c", "readOnly": True},
    ]
    first, second = pod(objects)["initContainers"]
    assert (first["name"], second["name"]) == ("puller-a", "puller-b")
    assert first["command"] == ["pull", "/mnt/adapter/a"]


def test_weights_lie_on_the_node_s_own_disk_where_there_is_one() -> None:
    mount = Mount(volume="model", path="/workspace/weights")
    own = replace(SERVER, volumes=(*SERVER.volumes, Volume(name="model")), main=replace(SERVER.main, mounts=(mount,)))
    fast = replace(NODES, instance_type=InstanceType(name="m", cloud="azure", nvme=True), disk_bytes=87 * GIB)
    objects = serving(own, fast, {"disk_class": "fast"})
    (claim,) = objects[-1]["spec"]["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "model-weights-volume"
    assert claim["spec"]["resources"] == {"requests": {"storage": "87Gi"}}
    assert [volume["name"] for volume in pod(objects)["volumes"]] == ["dshm", "home", "tmp"]
    assert "volumeClaimTemplates" not in serving(own, fast)[-1]["spec"]
    assert "volumeClaimTemplates" not in serving(own, NODES, {"disk_class": "fast"})[-1]["spec"]


RESULTS = Volume(name="results")
HUB = {"hostPath": {"path": "/var/lib/models", "type": "DirectoryOrCreate"}}
CLAIM = {"persistentVolumeClaim": {"claimName": "models"}}


@pytest.mark.parametrize("source", [HUB, CLAIM])
def test_models_of_the_hub_outlive_the_pod_where_the_settings_say_so(source: dict[str, Any]) -> None:
    scratch = Mount(volume="model", path="/workspace/weights")
    own = replace(SERVER, volumes=(*SERVER.volumes, Volume(name="model")), main=replace(SERVER.main, mounts=(scratch,)))
    for launch in (SERVER, own):
        objects = serving(launch, settings={"weights_volume": source})
        (volume,) = (each for each in pod(objects)["volumes"] if each["name"] == "model-weights-volume")
        assert volume == {"name": "model-weights-volume", **source}
        assert "volumeClaimTemplates" not in objects[-1]["spec"]


def from_an_image() -> Launch:
    weights = weights_of(make_preset(source="oci://r.example/models/mine:v1"))
    main = replace(SERVER.main, argv=(*SERVER.main.argv, *weights.arguments), mounts=weights.mounts)
    login = Mount(volume="docker-config-model", path="/mnt/docker/model", read_only=True)
    pull = replace(weights.prepare[0], mounts=(*weights.prepare[0].mounts, login))
    secret = Volume(name="docker-config-model", kind="secret", source=("key",))
    return replace(SERVER, main=main, prepare=(pull,), volumes=(*SERVER.volumes, *weights.volumes, secret))


def test_weights_in_an_image_are_pulled_or_mounted() -> None:
    pulled = serving(from_an_image(), settings={"weights_volume": HUB})
    assert [each["name"] for each in pod(pulled)["initContainers"]] == ["pull-model"]
    assert {"name": "model-weights-volume", "emptyDir": {}} in pod(pulled)["volumes"]
    mounted = serving(from_an_image(), settings={"image_volumes": True})
    assert "initContainers" not in pod(mounted)
    volumes = {volume["name"]: volume for volume in pod(mounted)["volumes"]}
    assert volumes["model-weights-volume"]["image"] == {"reference": "r.example/models/mine:v1"}
    assert "docker-config-model" not in volumes
    (mount,) = (each for each in container(mounted)["volumeMounts"] if each["name"] == "model-weights-volume")
    assert mount == {
        "name": "model-weights-volume", "mountPath": "/workspace/weights", "readOnly": True, "subPath": "data",
    }  # fmt: skip


def test_a_volume_that_is_none() -> None:
    with pytest.raises(ValidationError, match="one Kubernetes volume source"):
        serving(settings={"weights_volume": {"hostPath": "/x"}})


def test_what_tuning_reaches_outlives_its_pod_where_the_settings_say_so() -> None:
    mount = Mount(volume="results", path="/mnt/results")
    tune = Process(name="tune", argv=("tune",), mounts=(mount,))
    launch = Launch(main=tune, after=(Process(name="pack", argv=("pack",), mounts=(mount,)),), volumes=(RESULTS,))
    settings = {"checkpoint_volume": CLAIM}
    spec = pod(tuning_objects(render_input(settings, tuning=TUNING), launch, NODES))
    assert {"name": "results-volume", **CLAIM} in spec["volumes"]
    for step in (*spec["initContainers"], *spec["containers"]):
        (results,) = (one for one in step["volumeMounts"] if one["name"] == "results-volume")
        assert results["subPath"] == "ns/ws", "each Workspace has its own folder"


def test_a_volume_that_the_user_names_for_the_result_stays() -> None:
    own = Volume(name="results", kind="volume_source", source={"persistentVolumeClaim": {"claimName": "mine"}})
    tune = Process(name="tune", argv=("tune",), mounts=(Mount(volume="results", path="/mnt/results"),))
    source = render_input({"checkpoint_volume": CLAIM}, tuning=TUNING)
    spec = pod(tuning_objects(source, Launch(main=tune, volumes=(own,)), NODES))
    assert {"name": "results-volume", **own.source} in spec["volumes"]
    assert all("subPath" not in one for one in spec["containers"][0]["volumeMounts"])


def test_a_pod_that_mounts_an_image_is_known_before_it_is_rendered() -> None:
    mine = Volume(name="data", kind="volume_source", source={"image": {"reference": "r.example/data:1"}})
    assert mounts_an_image(from_an_image(), Settings(image_volumes=True))
    assert not mounts_an_image(from_an_image(), Settings())
    assert mounts_an_image(replace(SERVER, volumes=(*SERVER.volumes, mine)), Settings())
    assert not mounts_an_image(SERVER, Settings(image_volumes=True, weights_volume=CLAIM))
