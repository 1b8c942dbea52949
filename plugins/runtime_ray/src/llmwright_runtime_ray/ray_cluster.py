"""The pods of a RayCluster: a head that coordinates, and a worker on each machine of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.plugins.drivers import Names
from llmwright.values.launch import Launch
from llmwright_runtime_ray.command_line import DRAIN_S

RAY_VERSION = "2.60.0"
"""The release of Ray in the images. Head and workers of a cluster must have the same."""

DASHBOARD, AGENT = 8265, 52365
HEAD_PORTS = {"gcs-server": 6379, "dashboard": DASHBOARD}
"""Ports that ``ray start --head`` opens, by the names that KubeRay looks for."""
SERVE = "serve"
"""KubeRay's name for the port of Serve's proxies."""

SUSPEND = "suspend"
"""The field of a RayCluster by which KubeRay ends all of its pods, and starts them again without it."""

GROUP = "machines"
"""The name of the only group of workers."""

HEAD_REQUESTS = {"cpu": "500m", "memory": "2Gi"}
"""Room for the coordinator, the dashboard and Serve's controller. There is no limit: a head that is killed takes the
cluster with it."""
HEAD_STORE_BYTES = 256 * 1024**2
"""Shared memory for objects on the head. Requests and answers do not pass through it."""

HEAD_STEPS = frozenset({"packages"})
"""The steps before the server that the head needs too: it imports the application, and reads no weights."""

HEAD_VOLUMES = frozenset({"emptyDir", "configMap", "secret", "projected", "downwardAPI", "hostPath"})
"""Kinds of volumes that the head has too. A claim may be bound to another machine, or would buy a second disk."""

HEAD_DRAIN_S = 25
"""Seconds for all answers where the whole cluster goes: the head, which ends last, coordinates until then."""
MARGIN_S = 5
"""Seconds that Ray's own steps take between its deadline and the end of the processes."""
PROXY_DRAIN_S = 5
"""Seconds that the proxy of a machine that goes still takes requests: Services stop leading to it meanwhile."""

ORDINAL = "POD_INDEX"
"""The variable with the number of a StatefulSet's pod. These pods have none."""

Object = dict[str, Any]


def ray_cluster(launch: Launch, names: Names, variables: Mapping[str, str]) -> Object:
    """Return ``rayClusterConfig``: a head, and a worker on each of ``names.nodes`` machines; without any all sleep.

    The head has no GPU and takes no copy of the model. It runs on the plan's machines, beside a worker: no other
    machine is known to be there, a worker requests little but GPUs, and so nothing more is bought.

    Args:
        variables: what every process of the cluster reads, beside the environment of the launch.
    """
    head = {
        "rayStartParams": {
            "dashboard-host": "0.0.0.0",  # noqa: S104 - KubeRay asks it from outside the pod
            "num-cpus": "0",
            "num-gpus": "0",
            "object-store-memory": str(HEAD_STORE_BYTES),
        },
        "template": head_pod(launch, names, variables),
    }
    workers = {
        "groupName": GROUP,
        "replicas": names.nodes,
        "minReplicas": names.nodes,
        "maxReplicas": names.nodes,
        # By itself KubeRay counts whole GPUs alone, and no slices of one.
        "rayStartParams": {"num-gpus": str(launch.main.gpus)},
        "template": worker_pod(launch, names, variables),
    }
    # A head alone would answer nobody, and would wait for a machine that is not bought.
    asleep = {} if names.nodes else {SUSPEND: True}
    return {
        **asleep,
        "rayVersion": RAY_VERSION,
        # Without it whoever reaches a port of the head may run code on all machines (Ray's page on security).
        "authOptions": {"mode": "token"},
        "headGroupSpec": head,
        "workerGroupSpecs": [workers],
    }


def head_pod(launch: Launch, names: Names, variables: Mapping[str, str]) -> Object:
    """Return the pod of the head: the core's, without GPUs, claims and the steps that fetch weights.

    KubeRay reads the port of its own Service there, even where no request goes to the head.
    """
    spec, ports = names.pod["spec"], {**HEAD_PORTS, SERVE: launch.ports["http"]}
    volumes = [volume for volume in spec.get("volumes", ()) if HEAD_VOLUMES & volume.keys()]
    kept = {volume["name"] for volume in volumes}
    resources = {"requests": dict(HEAD_REQUESTS)}
    # A step with the requests of a worker would keep half of the machine from the worker beside the head.
    steps = [{**step, "resources": resources} for step in spec.get("initContainers", ()) if step["name"] in HEAD_STEPS]
    main = {
        **_ray_container(names, variables),
        "name": "head",
        "ports": [{"name": name, "containerPort": number} for name, number in ports.items()],
        "resources": resources,
        "readinessProbe": _probe("/api/gcs_healthz", DASHBOARD, delay_s=10, failures=10),
        "livenessProbe": _probe("/api/gcs_healthz", DASHBOARD, delay_s=30, failures=120),
    }
    containers = [_mounting(main, kept)]
    parts = {"volumes": volumes, "initContainers": [_mounting(step, kept) for step in steps], "containers": containers}
    return _draining(_pod(names, parts), HEAD_DRAIN_S)


def worker_pod(launch: Launch, names: Names, variables: Mapping[str, str]) -> Object:
    """Return the pod of a worker: the core's, in which KubeRay runs ``ray start``.

    It is ready once the application answers through its own proxy, so the Service leads to it no sooner. Nothing ends
    it because the model does not start: that is the application's state, and no new pod mends it.
    """
    main = _ray_container(names, variables)
    http = launch.ports["http"]
    ready = _probe("/health", http, delay_s=0, failures=1)
    main |= {
        "ports": [{"name": SERVE, "containerPort": http}],
        "readinessProbe": {**ready, **_timings(main.get("readinessProbe", {}))},
        "livenessProbe": _probe("/api/local_raylet_healthz", AGENT, delay_s=30, failures=120),
    }
    spec = names.pod["spec"]
    affinity = {**spec.get("affinity", {}), "podAntiAffinity": _one_on_each_machine(names)}
    return _draining(_pod(names, {"affinity": affinity, "containers": [main, *spec["containers"][1:]]}), int(DRAIN_S))


def _draining(pod: Object, seconds: int) -> Object:
    """Return ``pod`` with time to finish its answers once it is to end.

    At SIGTERM ``ray start`` tells the cluster that the machine goes, so that no request is sent there any more, and
    waits until it is idle (Ray 2.60, ``_drain_node_before_shutdown``). A shorter time in the settings counts.
    """
    spec = pod["spec"]
    grace = spec.get("terminationGracePeriodSeconds", seconds + 2 * MARGIN_S)
    main, *others = spec["containers"]
    variables = {
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": max(0, grace - MARGIN_S),
        "RAY_SERVE_PROXY_MIN_DRAINING_PERIOD_S": PROXY_DRAIN_S,
    }
    added = [{"name": name, "value": str(value)} for name, value in variables.items()]
    containers = [{**main, "env": [*main["env"], *added]}, *others]
    return {**pod, "spec": {**spec, "terminationGracePeriodSeconds": grace, "containers": containers}}


def _ray_container(names: Names, variables: Mapping[str, str]) -> Object:
    """Return the core's main container without its command, in whose place KubeRay puts ``ray start``."""
    main = names.pod["spec"]["containers"][0]
    dropped = {"command", "args", "startupProbe", "livenessProbe"}
    kept = {key: value for key, value in main.items() if key not in dropped}
    environment = [variable for variable in main.get("env", ()) if variable["name"] not in {ORDINAL, *variables}]
    added = [{"name": name, "value": value} for name, value in variables.items()]
    return {**kept, "env": [*environment, *added]}


def _pod(names: Names, parts: Mapping[str, Any]) -> Object:
    spec = {**names.pod["spec"], **parts}
    return {**names.pod, "spec": {key: value for key, value in spec.items() if value != []}}


def _mounting(container: Mapping[str, Any], volumes: set[str]) -> Object:
    """Return ``container`` with its mounts of ``volumes`` alone."""
    mounts = [mount for mount in container.get("volumeMounts", ()) if mount["name"] in volumes]
    bare = {key: value for key, value in container.items() if key != "volumeMounts"}
    return {**bare, "volumeMounts": mounts} if mounts else bare


def _probe(path: str, port: int, *, delay_s: int, failures: int) -> Object:
    delay = {"initialDelaySeconds": delay_s} if delay_s else {}
    return {
        "httpGet": {"path": path, "port": port},
        **delay,
        "periodSeconds": 5,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _timings(probe: Mapping[str, Any]) -> Object:
    return {key: value for key, value in probe.items() if key in {"periodSeconds", "timeoutSeconds"}}


def _one_on_each_machine(names: Names) -> Object:
    """Keep two workers off one machine: each would count all of its processors and memory as its own."""
    labels = {**names.pod["metadata"]["labels"], "ray.io/node-type": "worker"}
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels}}
    return {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
