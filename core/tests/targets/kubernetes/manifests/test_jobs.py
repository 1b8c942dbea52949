"""Jobs: tuning and preflight."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.tests.targets.kubernetes.support.rendered import NODES, TUNING, render_input

from llmwright.targets.kubernetes.manifests import preflight_objects, tuning_objects
from llmwright.values.launch import Launch, Mount, Process, SecretKey, Volume
from llmwright.values.nodes import Placement
from llmwright.values.url_secrets import URLS_VARIABLE

TUNER = Launch(
    prepare=(Process(name="fetch-data", argv=("download",), mounts=(Mount(volume="data", path="/mnt/data"),)),),
    main=Process(name="tune", argv=("tune",), mounts=(Mount(volume="data", path="/mnt/data", read_only=True),), gpus=1),
    after=(
        Process(name="pack", argv=("pack",)),
        Process(name="push", argv=("push",), mounts=(Mount(volume="docker-config", path="/mnt/docker"),)),
    ),
    volumes=(Volume(name="data"), Volume(name="docker-config", kind="secret", source=("key",))),
)


def spec(objects: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    (job,) = objects
    assert job["kind"] == "Job"
    pod: dict[str, Any] = job["spec"]["template"]["spec"]
    return pod


def test_delivery_starts_only_after_tuning_has_succeeded() -> None:
    (job,) = tuning_objects(render_input(tuning=TUNING), TUNER, NODES)
    pod = spec((job,))
    assert [step["name"] for step in pod["initContainers"]] == ["data-downloader", "ws", "pack"]
    assert [step["name"] for step in pod["containers"]] == ["pusher"]
    assert pod["restartPolicy"] == "Never"
    annotations = job["spec"]["template"]["metadata"]["annotations"]
    assert annotations["kubectl.kubernetes.io/default-container"] == "ws"


def test_without_delivery_the_tuner_is_the_container() -> None:
    pod = spec(tuning_objects(render_input(tuning=TUNING), replace(TUNER, after=()), NODES))
    assert [step["name"] for step in pod["containers"]] == ["ws"]


def test_whole_urls_are_a_variable_of_the_downloader_and_no_argument() -> None:
    (fetch,) = TUNER.prepare
    secret = SecretKey("tuning.input.urls", URLS_VARIABLE, optional=False)
    launch = replace(TUNER, prepare=(replace(fetch, env={URLS_VARIABLE: secret}),))
    urls = ["https://h/a.csv", "https://h/b.csv?sig=s3cret$(x)"]
    source = render_input(tuning={**TUNING, "input": {"urls": urls}})
    pod = spec(tuning_objects(source, launch, NODES))
    urls_alone = [{"name": URLS_VARIABLE, "value": '["https://h/b.csv?sig=s3cret$$(x)"]'}]
    assert [one for one in pod["initContainers"][0]["env"] if one["name"] not in ("HOME", "USER")] == urls_alone
    assert "s3cret" not in str([step.get("env") for step in pod["initContainers"][1:]])


def test_only_the_pusher_sees_the_push_secret() -> None:
    pod = spec(tuning_objects(render_input(tuning=TUNING), TUNER, NODES))
    seen = {
        step["name"]: [mount["name"] for mount in step.get("volumeMounts", [])]
        for step in (*pod["initContainers"], *pod["containers"])
    }
    assert [name for name, mounts in seen.items() if "docker-config" in mounts] == ["pusher"]
    (volume,) = (volume for volume in pod["volumes"] if volume["name"] == "docker-config")
    (secret,) = volume["projected"]["sources"]
    assert secret == {"secret": {"name": "key", "items": [{"key": ".dockerconfigjson", "path": "config.json"}]}}
    assert pod["imagePullSecrets"] == [{"name": "in"}, {"name": "key"}]


def test_a_tuning_job_keeps_to_the_nodes_of_its_own_workspace() -> None:
    placed = Placement(selector={"apps": "x", "kaito.sh/workspace": "ws"}, gpu_resource="example.com/gpu")
    pod = spec(tuning_objects(render_input(placement=placed, tuning=TUNING), TUNER, NODES))
    (term,) = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    labels = {expression["key"]: expression["values"] for expression in term["matchExpressions"]}
    assert labels == {"apps": ["x"], "kaito.sh/workspace": ["ws"]}


def test_a_tuning_job_tolerates_the_taints_of_gpu_nodes() -> None:
    placed = Placement(selector={"apps": "x"}, gpu_resource="example.com/gpu")
    pod = spec(tuning_objects(render_input(placement=placed, tuning=TUNING), TUNER, NODES))
    assert {"key": "gpu", "operator": "Equal", "effect": "NoSchedule"} in pod["tolerations"]
    for resource in ("nvidia.com/gpu", "example.com/gpu"):
        assert {"key": resource, "operator": "Exists", "effect": "NoSchedule"} in pod["tolerations"]


def test_nobody_may_move_a_pod_that_tunes() -> None:
    (job,) = tuning_objects(render_input(tuning=TUNING), TUNER, NODES)
    annotations = job["spec"]["template"]["metadata"]["annotations"]
    assert annotations["karpenter.sh/do-not-disrupt"] == "true"
    assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"
    (check,) = preflight_objects(render_input(tuning=TUNING), Launch(main=Process(name="check", argv=("check",))))
    assert "karpenter.sh/do-not-disrupt" not in check["spec"]["template"]["metadata"]["annotations"]


def test_a_preflight_asks_for_no_gpu_and_goes_anywhere() -> None:
    launch = Launch(main=Process(name="check-push", argv=("check",)))
    (job,) = preflight_objects(render_input(tuning=TUNING), launch)
    pod = spec((job,))
    assert job["metadata"]["name"] == "ws-preflight"
    assert not pod.keys() & {"affinity", "tolerations"}
    assert pod["containers"][0]["resources"]["limits"].keys() == {"cpu", "memory"}
