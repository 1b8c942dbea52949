"""The RayService of a Launch: its cluster, its application, and what can be changed in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmwright.plugins.declarations import MADE_ANEW
from llmwright.plugins.drivers import Names
from llmwright.values.launch import API_KEY, HttpGet, Launch, Mount, Probe, Process
from llmwright_runtime_ray.command_line import ARGV_VARIABLE, MODULE
from llmwright_runtime_ray.rayservice import correction, objects

Object = dict[str, Any]

FLAGS = ("--model", "$(volume.model)", "--port", "$(port.http)", "--max-replicas", "2", "--chat-template", "{{$(x)}}")
LAUNCH = Launch(
    main=Process(
        name="serve",
        argv=("$(python)", "-m", MODULE, *FLAGS),
        env={"LLMWRIGHT_API_KEY": API_KEY},
        mounts=(Mount(volume="model", path="/weights"),),
        ready=Probe(check=HttpGet("/health")),
        gpus=2,
    ),
    ports={"http": 5000},
)
KEY = {"name": "LLMWRIGHT_API_KEY", "valueFrom": {"secretKeyRef": {"name": "llmwright-api-key", "key": "K"}}}
CLAIM = {"name": "model-weights-volume", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}
AFFINITY: Object = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{}]}}}
TOLERATIONS = [{"key": "sku", "operator": "Equal", "value": "gpu", "effect": "NoSchedule"}]
MAIN: Object = {
    "name": "ws",
    "image": "registry.example/ray:1",
    "command": ["python3", "-m", MODULE],
    "env": [KEY, {"name": "POD_INDEX", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['x']"}}}],
    "resources": {"limits": {"nvidia.com/mig-1g.10gb": "2"}, "requests": {"nvidia.com/mig-1g.10gb": "2"}},
    "volumeMounts": [{"name": "dshm", "mountPath": "/dev/shm"}, {"name": CLAIM["name"], "mountPath": "/weights"}],
    "securityContext": {"runAsNonRoot": True},
    "readinessProbe": {"httpGet": {"path": "/health", "port": 5000}, "periodSeconds": 7, "timeoutSeconds": 3},
    "livenessProbe": {"httpGet": {"path": "/health", "port": 5000}},
    "startupProbe": {"httpGet": {"path": "/health", "port": 5000}},
}
POD: Object = {
    "metadata": {"labels": {"kaito.sh/workspace": "ws"}, "annotations": {"example.com/team": "a"}},
    "spec": {
        "serviceAccountName": "mine",
        "volumes": [{"name": "dshm", "emptyDir": {"medium": "Memory"}}, CLAIM],
        "initContainers": [
            {
                "name": "packages",
                "image": "w:1",
                "volumeMounts": [{"name": "dshm", "mountPath": "/p"}],
                "resources": {"requests": {"cpu": "12"}, "limits": {"cpu": "24"}},
            },
            {"name": "pull-model", "image": "w:1", "volumeMounts": [{"name": CLAIM["name"], "mountPath": "/weights"}]},
        ],
        "containers": [MAIN, {"name": "beside", "image": "b:1"}],
        "affinity": AFFINITY,
        "tolerations": TOLERATIONS,
        "imagePullSecrets": [{"name": "pull"}],
    },
}


def service(launch: Launch = LAUNCH, nodes: int = 1, pod: Object = POD) -> Object:
    (made,) = objects(launch, Names("ws", "ns", nodes=nodes, pod=pod))
    return made


def cluster(made: Object) -> Object:
    config: Object = made["spec"]["rayClusterConfig"]
    return config


def worker_group(made: Object) -> Object:
    (group,) = cluster(made)["workerGroupSpecs"]
    return dict(group)


def head(made: Object) -> Object:
    spec: Object = cluster(made)["headGroupSpec"]["template"]["spec"]
    return spec


def variables(container: Mapping[str, Any]) -> dict[str, Any]:
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def test_each_machine_of_the_plan_is_a_worker() -> None:
    group = worker_group(service(nodes=3))
    assert (group["replicas"], group["minReplicas"], group["maxReplicas"]) == (3, 3, 3)
    assert group["rayStartParams"]["num-gpus"] == "2", "KubeRay counts no slices of a GPU by itself"
    spec = group["template"]["spec"]
    assert spec["affinity"]["nodeAffinity"] == AFFINITY["nodeAffinity"]
    (apart,) = spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert apart["topologyKey"] == "kubernetes.io/hostname"
    assert apart["labelSelector"]["matchLabels"] == {"kaito.sh/workspace": "ws", "ray.io/node-type": "worker"}
    assert [container["name"] for container in spec["containers"]] == ["ws", "beside"]
    for kept in ("serviceAccountName", "volumes", "initContainers", "tolerations", "imagePullSecrets"):
        assert spec[kept] == POD["spec"][kept], kept


def test_a_worker_is_the_core_s_container_in_which_kuberay_starts_ray() -> None:
    main = worker_group(service())["template"]["spec"]["containers"][0]
    assert not main.keys() & {"command", "args", "startupProbe"}
    for kept in ("image", "resources", "volumeMounts", "securityContext"):
        assert main[kept] == MAIN[kept], kept
    assert variables(main)["LLMWRIGHT_API_KEY"] == KEY["valueFrom"]
    assert "POD_INDEX" not in variables(main)
    assert main["ports"] == [{"name": "serve", "containerPort": 5000}]


def test_a_worker_is_ready_once_the_model_answers_and_lives_as_long_as_ray_does() -> None:
    main = worker_group(service())["template"]["spec"]["containers"][0]
    ready, live = main["readinessProbe"], main["livenessProbe"]
    assert ready["httpGet"] == {"path": "/health", "port": 5000}
    assert (ready["periodSeconds"], ready["timeoutSeconds"]) == (7, 3)
    assert live["httpGet"] == {"path": "/api/local_raylet_healthz", "port": 52365}


def test_the_head_needs_no_gpu_no_weights_and_no_machine_of_its_own() -> None:
    made = service(nodes=3)
    spec, (main, *others) = head(made), head(made)["containers"]
    parameters = cluster(made)["headGroupSpec"]["rayStartParams"]
    assert (parameters["num-cpus"], parameters["num-gpus"]) == ("0", "0")
    assert main["resources"].keys() == {"requests"}
    assert not any("gpu" in name or "mig" in name for name in main["resources"]["requests"])
    assert others == []
    assert [step["name"] for step in spec["initContainers"]] == ["packages"]
    assert [step["resources"] for step in spec["initContainers"]] == [main["resources"]], (
        "a pod's requests are the most"
    )
    assert [volume["name"] for volume in spec["volumes"]] == ["dshm"]
    assert [mount["name"] for mount in main["volumeMounts"]] == ["dshm"]
    assert (spec["affinity"], spec["tolerations"]) == (AFFINITY, TOLERATIONS)
    assert cluster(made)["headGroupSpec"]["template"]["metadata"] == POD["metadata"]
    assert main["securityContext"] == MAIN["securityContext"]
    assert variables(main)["LLMWRIGHT_API_KEY"] == KEY["valueFrom"]
    assert {port["name"]: port["containerPort"] for port in main["ports"]}["serve"] == 5000, (
        "KubeRay looks for it there"
    )
    assert main["readinessProbe"]["httpGet"] == {"path": "/api/gcs_healthz", "port": 8265}


def test_who_has_no_token_runs_no_code_on_the_cluster() -> None:
    assert cluster(service())["authOptions"] == {"mode": "token"}


def test_the_application_gets_its_flags_as_they_are_in_the_pods() -> None:
    config = yaml.safe_load(service()["spec"]["serveConfigV2"])
    argv = ["--model", "/weights", "--port", "5000", "--max-replicas", "2", "--chat-template", "{{$(x)}}"]
    assert config["http_options"] == {"host": "0.0.0.0", "port": 5000}
    (application,) = config["applications"]
    assert application["args"] == {"argv": argv}
    assert application["import_path"] == "llmwright_runtime_ray.serve.app:build"
    for container in (head(service())["containers"][0], worker_group(service())["template"]["spec"]["containers"][0]):
        # As the kubelet passes it on.
        assert json.loads(variables(container)[ARGV_VARIABLE].replace("$$(", "$(")) == argv


@pytest.mark.parametrize(("flags", "logs"), [(FLAGS, "1"), (("--engine", "vllm", *FLAGS), None)])
def test_what_ray_writes_is_in_the_log_of_its_pods(flags: tuple[str, ...], logs: str | None) -> None:
    """But for vLLM's words: where it does not start, they are read from Ray's file."""
    made = service(replace(LAUNCH, main=replace(LAUNCH.main, argv=("$(python)", "-m", MODULE, *flags))))
    for container in (head(made)["containers"][0], worker_group(made)["template"]["spec"]["containers"][0]):
        assert variables(container).get("RAY_LOG_TO_STDERR") == logs


def anew(made: Object) -> str:
    digest: str = made["metadata"]["annotations"][MADE_ANEW]
    return digest


@pytest.mark.parametrize("argv", [("--max-replicas", "7"), ("--max-replicas", "2", "--downscale-delay-s", "9")])
def test_what_serve_changes_in_place_makes_nothing_anew(argv: tuple[str, ...]) -> None:
    before = replace(LAUNCH, main=replace(LAUNCH.main, argv=("p", "-m", MODULE, "--max-replicas", "2")))
    after = replace(LAUNCH, main=replace(LAUNCH.main, argv=("p", "-m", MODULE, *argv)))
    assert anew(service(before)) == anew(service(after))
    assert service(before)["spec"]["serveConfigV2"] != service(after)["spec"]["serveConfigV2"]
    assert anew(service(before)) == anew(service(before, nodes=5))


def test_what_kuberay_would_leave_as_it_is_makes_it_anew() -> None:
    other = replace(LAUNCH, main=replace(LAUNCH.main, argv=(*LAUNCH.main.argv, "--dtype", "float32")))
    assert anew(service(other)) != anew(service())
    image = {**POD, "spec": {**POD["spec"], "containers": [{**MAIN, "image": "registry.example/ray:2"}]}}
    assert anew(service(pod=image)) != anew(service())
    assert anew(service(replace(LAUNCH, ports={"http": 8000}))) != anew(service())


def test_a_second_cluster_never_waits_for_machines_that_the_first_has() -> None:
    assert service()["spec"]["upgradeStrategy"] == {"type": "None"}


def ray_cluster(workers: int) -> Object:
    about = {"name": "ws-1", "resourceVersion": "7"}
    return {"kind": "RayCluster", "metadata": about, "spec": cluster(service(nodes=workers))}


def test_a_cluster_gets_the_workers_of_its_service() -> None:
    wanted = service(nodes=3)
    patch = correction(wanted, ray_cluster(1))
    assert patch is not None
    assert patch["metadata"] == {"resourceVersion": "7"}
    assert patch["spec"]["workerGroupSpecs"] == [worker_group(wanted)]
    assert correction(wanted, ray_cluster(3)) is None
    assert correction(wanted, {**wanted, "kind": "RayService"}) is None


def pod(name: str, node: str, kind: str = "worker", **metadata: str) -> Object:
    group = "machines" if kind == "worker" else "headgroup"
    labels = {"ray.io/cluster": "ws-1", "ray.io/node-type": kind, "ray.io/group": group}
    return {"metadata": {"name": name, "labels": labels, **metadata}, "spec": {"nodeName": node}}


def test_the_worker_beside_the_head_is_the_last_to_go() -> None:
    """The head stays on its machine: a worker elsewhere would keep a second one."""
    pods = [pod("h", "n1", "head"), pod("a", "n1"), pod("b", "n2"), pod("c", "n3")]
    patch = correction(service(nodes=1), ray_cluster(3), pods)
    assert patch is not None
    (group,) = patch["spec"]["workerGroupSpecs"]
    assert (group["replicas"], group["scaleStrategy"]) == (1, {"workersToDelete": ["b", "c"]})
    leaving = [*pods[:3], pod("c", "n3", deletionTimestamp="2026-01-01T00:00:00Z")]
    patch = correction(service(nodes=1), ray_cluster(3), leaving)
    assert patch is not None
    assert patch["spec"]["workerGroupSpecs"][0]["scaleStrategy"] == {"workersToDelete": ["b"]}


def test_no_worker_is_named_where_none_has_to_go() -> None:
    pods = [pod("h", "n1", "head"), pod("a", "n1")]
    patch = correction(service(nodes=3), ray_cluster(1), pods)
    assert patch is not None
    assert "scaleStrategy" not in patch["spec"]["workerGroupSpecs"][0]


def test_those_that_went_before_are_not_named_again() -> None:
    live = ray_cluster(1)
    live["spec"]["workerGroupSpecs"][0]["scaleStrategy"] = {"workersToDelete": ["b"]}
    patch = correction(service(nodes=2), live, [pod("h", "n1", "head"), pod("a", "n1")])
    assert patch is not None
    assert patch["spec"]["workerGroupSpecs"] == [worker_group(service(nodes=2))]


def test_a_cluster_without_workers_is_suspended_until_it_has_some() -> None:
    none, one = service(nodes=0), service(nodes=1)
    assert cluster(none)["suspend"] is True
    assert "suspend" not in cluster(one)
    assert anew(none) == anew(one), "in place"
    asleep, awake = correction(none, ray_cluster(1)), correction(one, ray_cluster(0))
    assert asleep is not None
    assert (asleep["spec"]["suspend"], asleep["spec"]["workerGroupSpecs"]) == (True, [worker_group(none)])
    assert awake is not None
    assert (awake["spec"]["suspend"], awake["spec"]["workerGroupSpecs"]) == (False, [worker_group(one)])
    assert correction(none, ray_cluster(0)) is None


def test_a_group_that_is_not_ours_keeps_its_size() -> None:
    live = ray_cluster(1)
    live["spec"]["workerGroupSpecs"].append({"groupName": "theirs", "replicas": 4})
    patch = correction(service(nodes=2), live)
    assert patch is not None
    assert [group["replicas"] for group in patch["spec"]["workerGroupSpecs"]] == [2, 4]


def test_the_version_of_the_images_is_the_one_that_is_tested() -> None:
    pinned = Path(__file__).parents[1].joinpath("ray/requirements.txt").read_text(encoding="utf-8")
    assert f"ray[serve]=={cluster(service())['rayVersion']}\n" in pinned


def grace_and_drain(spec: Object) -> tuple[int, str]:
    drain = variables(spec["containers"][0])["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"]
    return spec["terminationGracePeriodSeconds"], drain


def test_a_machine_that_goes_finishes_its_answers() -> None:
    worker = worker_group(service())["template"]["spec"]
    assert grace_and_drain(worker) == (70, "65"), "Serve gives a copy 60 s"
    assert grace_and_drain(head(service())) == (35, "30")


def test_a_time_of_the_settings_counts() -> None:
    short = {**POD, "spec": {**POD["spec"], "terminationGracePeriodSeconds": 20}}
    assert grace_and_drain(worker_group(service(pod=short))["template"]["spec"]) == (20, "15")
