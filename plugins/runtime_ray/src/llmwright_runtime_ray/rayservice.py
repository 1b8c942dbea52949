"""The RayService that runs a Launch on Kubernetes: KubeRay makes the cluster, and Ray Serve the application."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from llmwright.plugins.declarations import MADE_ANEW
from llmwright.plugins.drivers import Names
from llmwright.values.launch import Launch, fill
from llmwright_runtime_ray.command_line import APPLICATION, ARGV_VARIABLE, flags_of
from llmwright_runtime_ray.engine_choice import VLLM
from llmwright_runtime_ray.ray_cluster import SUSPEND, ray_cluster

API_VERSION, KIND = "ray.io/v1", "RayService"
NAME = "llmwright"
"""The name of the only application of a cluster."""

IN_PLACE = frozenset(
    {
        "--min-replicas",
        "--max-replicas",
        "--initial-replicas",
        "--target-ongoing-requests",
        "--max-ongoing-requests",
        "--max-queued-requests",
        "--upscale-delay-s",
        "--downscale-delay-s",
    }
)
"""Flags that Serve changes in a cluster that runs. Any other is in the environment of its processes."""

SIZE = ("replicas", "minReplicas", "maxReplicas")
"""The fields with the number of a group's workers."""

CLUSTER, NODE_TYPE, GROUP_OF = "ray.io/cluster", "ray.io/node-type", "ray.io/group"
"""KubeRay's labels of pods: their cluster, whether it is a head or a worker, and the group of workers."""
STRATEGY = "scaleStrategy"
"""The field of a group by which KubeRay ends the workers that it names, before it ends any."""
LOG_OF_CONTAINER = "RAY_LOG_TO_STDERR"
"""Ray's variable by which all of its processes write to the log of their container, not to files inside of it."""

Object = dict[str, Any]


def objects(launch: Launch, names: Names) -> Iterator[Object]:
    """Yield the RayService, under the Workspace's name.

    A second cluster beside the first would need the machines twice, and so would wait for ever: KubeRay is told to make
    none. It changes the application in place, and ``correction`` the number of workers. For anything else the object is
    made anew. Without workers the cluster is suspended: no pod is left of it.
    """
    argv = application_argv(launch)
    cluster = ray_cluster(launch, names, _variables(argv))
    settled = ray_cluster(launch, names, _variables(_without_in_place(argv)))
    yield {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": names.workspace, "annotations": {MADE_ANEW: _digest(settled)}},
        "spec": {
            "serveConfigV2": yaml.safe_dump(serve_config(launch, argv), sort_keys=False, width=1 << 20),
            "upgradeStrategy": {"type": "None"},
            # Its proxy is healthy before any copy is there: requests would wait in it, or fail.
            "excludeHeadPodFromServeSvc": True,
            "rayClusterConfig": cluster,
        },
    }


def correction(
    service: Mapping[str, Any], cluster: Mapping[str, Any], pods: Sequence[Mapping[str, Any]] = ()
) -> Object | None:
    """Return the merge patch that gives a RayCluster the number of workers of its RayService; None where it has it.

    KubeRay 1.5 leaves the workers of a cluster that runs as many as they were, unless the whole cluster is replaced.
    Of ``pods``, the Workspace's, those that go are named: by itself it would end any.
    """
    if cluster.get("kind") != "RayCluster":
        return None
    config, live = service["spec"]["rayClusterConfig"], cluster["spec"]
    asleep = bool(config.get(SUSPEND))
    wanted = {group["groupName"]: _size(group) for group in config["workerGroupSpecs"]}
    groups = live.get("workerGroupSpecs") or []
    sized = all(_size(group) == wanted.get(group["groupName"], _size(group)) for group in groups)
    if sized and bool(live.get(SUSPEND)) == asleep:
        return None
    about = cluster["metadata"]
    own = [pod for pod in pods if pod["metadata"]["labels"].get(CLUSTER) == about["name"]]
    corrected = [_resized(group, wanted.get(group["groupName"]), own) for group in groups]
    # With the version: the list is sent whole, and must not undo what somebody changed in it meanwhile.
    version = {"resourceVersion": about["resourceVersion"]}
    return {"metadata": version, "spec": {SUSPEND: asleep, "workerGroupSpecs": corrected}}


def _resized(group: Mapping[str, Any], size: Object | None, pods: Sequence[Mapping[str, Any]]) -> Object:
    """Return a group with another number of workers, and the names of those that go; as it is where it has no ``size``.

    A worker beside the head stays: else the head alone would hold a machine, which is paid for and answers nobody.
    """
    if size is None:
        return {**group}
    of_head = {pod["spec"].get("nodeName") for pod in pods if pod["metadata"]["labels"].get(NODE_TYPE) == "head"}
    workers = [pod for pod in pods if _is_worker_of(group["groupName"], pod)]
    workers.sort(key=lambda pod: (pod["spec"].get("nodeName") in of_head, pod["metadata"]["name"]))
    surplus = max(0, len(workers) - size["replicas"])
    going = [pod["metadata"]["name"] for pod in workers[:surplus]]
    kept = {key: part for key, part in group.items() if key != STRATEGY}
    return {**kept, **size, **({STRATEGY: {"workersToDelete": going}} if going else {})}


def _is_worker_of(group: str, pod: Mapping[str, Any]) -> bool:
    about = pod["metadata"]
    return about["labels"].get(GROUP_OF) == group and "deletionTimestamp" not in about


def serve_config(launch: Launch, argv: Sequence[str]) -> Object:
    """Return the configuration with which ``serve deploy`` starts the application, as a ``ServeDeploySchema``."""
    return {
        "proxy_location": "EveryNode",
        "http_options": {"host": "0.0.0.0", "port": launch.ports["http"]},  # noqa: S104 - a pod's own address
        "applications": [{"name": NAME, "route_prefix": "/", "import_path": APPLICATION, "args": {"argv": list(argv)}}],
    }


def application_argv(launch: Launch) -> list[str]:
    """Return the application's flags, with the references of the launch as they are in these pods."""
    values: Mapping[str, str] = {
        **{f"volume.{mount.volume}": mount.path for mount in launch.main.mounts},
        **{f"port.{name}": str(number) for name, number in launch.ports.items()},
        "host": "0.0.0.0",  # noqa: S104
        "python": "python3",
    }
    return [fill(part, values) for part in flags_of(launch)]


def _variables(argv: Sequence[str]) -> dict[str, str]:
    """Return the variables of every process of Ray; the kubelet, which expands ``$(NAME)`` there, leaves them alone."""
    # The words of a vLLM that does not start are read from Ray's file (``llm_server``).
    logs = {} if VLLM in argv else {LOG_OF_CONTAINER: "1"}
    return {ARGV_VARIABLE: json.dumps(argv).replace("$(", "$$("), **logs}


def _without_in_place(argv: Sequence[str]) -> list[str]:
    values = {place + 1 for place, part in enumerate(argv) if part in IN_PLACE}
    return [part for place, part in enumerate(argv) if place not in values and part not in IN_PLACE]


def _digest(cluster: Mapping[str, Any]) -> str:
    """Return 16 hex digits of everything but the number of workers."""
    groups = [{key: part for key, part in group.items() if key not in SIZE} for group in cluster["workerGroupSpecs"]]
    rest = {key: part for key, part in cluster.items() if key != SUSPEND}
    text = json.dumps({**rest, "workerGroupSpecs": groups}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _size(group: Mapping[str, Any]) -> Object:
    return {key: group[key] for key in SIZE if key in group}
