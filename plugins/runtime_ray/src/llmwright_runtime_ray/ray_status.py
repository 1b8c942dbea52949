"""The state of a RayService in the words of a runtime's ``status``: what serves, what is awaited, the root cause; pure.

The fields are those of KubeRay 1.5: conditions of the RayService, conditions of the RayCluster that it makes, and the
states that Ray Serve gives its applications and their deployments.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmwright.values.nodes import Failed, FailureKind, Outcome, Ready, Waiting, Watch
from llmwright.values.weight_reasons import CAUSES, OTHERS_FAULTS
from llmwright_runtime_ray.last_words import marked_in
from llmwright_runtime_ray.ray_cluster import SUSPEND

GROUP, VERSION = "ray.io", "v1"
KUBERAY = "install KubeRay, 1.5 or later: `helm install kuberay-operator kuberay/kuberay-operator`"
SERVICES = Watch(
    group=GROUP,
    version=VERSION,
    plural="rayservices",
    brought_by=KUBERAY,
    # KubeRay labels the pods. A worker is ready once its proxy answers; the head is ready long before.
    endpoint_labels={"ray.io/node-type": "worker"},
    # KubeRay 1.5 refuses a longer name, and tells it in an Event alone.
    longest_name=47,
)
CLUSTERS = Watch(group=GROUP, version=VERSION, plural="rayclusters", brought_by=KUBERAY)
"""KubeRay gives a RayCluster the labels of the RayService that it makes it for."""

Object = Mapping[str, Any]

RUNNING, HEALTHY = "RUNNING", "HEALTHY"
FAILED, UNHEALTHY = "DEPLOY_FAILED", "UNHEALTHY"
"""States of applications and deployments (``ray.serve.schema``)."""

SHOWN = 400
"""How many characters of another program's words are passed on."""


def status(manifest: Object) -> Outcome | None:
    """Return the state of a RayService or of the RayCluster behind it; None where there is nothing to say."""
    if manifest.get("kind") == "RayService":
        return _of_service(manifest)
    if manifest.get("kind") == "RayCluster" and "deletionTimestamp" not in manifest["metadata"]:
        if (manifest.get("spec") or {}).get(SUSPEND):
            return Waiting("RayClusterSuspended", "the Ray cluster is suspended: no copy is asked for")
        return _of_cluster(manifest.get("status") or {})
    return None


def _of_service(manifest: Object) -> Outcome:
    """Return how far the application is. KubeRay asks the head for it, and tells nothing new while no head answers."""
    observed = manifest.get("status") or {}
    ready = _condition(observed, "Ready")
    if not ready:
        return Waiting("RayServicePending", "KubeRay has not looked at the RayService yet: does its operator run?")
    if ready.get("reason") == "ValidationFailed":
        return Failed("invalid", f"KubeRay refuses the RayService: {_about(ready)}", "RayServiceInvalid")
    serving, starting = (observed.get(name) or {} for name in ("activeServiceStatus", "pendingServiceStatus"))
    applications = (serving if serving.get("rayClusterName") else starting).get("applicationStatuses") or {}
    trouble = _of_applications(applications)
    if trouble is not None:
        return trouble
    if int(observed.get("observedGeneration") or 0) < int(manifest["metadata"].get("generation") or 0):
        return Waiting("RayServiceUpdating", "KubeRay has not taken up the latest change yet")
    going = [text for name, application in sorted(applications.items()) for text in _going(name, application)]
    if going:
        return Waiting("RayApplicationDeploying", "; ".join(going))
    if not applications:
        return Waiting("RayApplicationPending", "the Ray head tells of no application yet")
    if ready.get("status") != "True":
        return Waiting("RayWorkersStarting", "the application runs, and answers on no worker yet")
    return Ready()


def _of_cluster(observed: Object) -> Outcome | None:
    """Return what is wrong with the pods of a cluster, or missing; None where they run."""
    refused, head = _condition(observed, "ReplicaFailure"), _condition(observed, "HeadPodReady")
    if refused.get("status") == "True":
        return Failed("transient", f"KubeRay cannot make the pods: {_cause(refused)}", "RayPodsRefused")
    if head.get("status") != "True":
        if _condition(observed, "RayClusterProvisioned").get("status") == "True":
            return Failed(
                "transient", f"the Ray head is lost, and KubeRay makes another: {_about(head)}", "RayHeadLost"
            )
        return Waiting("RayHeadStarting", f"the pod of the Ray head is not ready: {_about(head)}")
    running, wanted = (int(observed.get(name) or 0) for name in ("availableWorkerReplicas", "minWorkerReplicas"))
    return Waiting("RayWorkersStarting", f"{running} of {wanted} workers run") if running < wanted else None


def _of_applications(applications: Object) -> Outcome | None:
    """Return why an application does not serve, from the deployment that is to blame; None where none is in trouble."""
    for name, application in sorted(applications.items()):
        deployments = application.get("serveDeploymentStatuses") or {}
        for deployment, state in sorted(deployments.items()):
            if state.get("status") == FAILED:
                return _failed(f"deployment {deployment} of application {name}", state)
        if application.get("status") == FAILED:
            return _failed(f"application {name}", application)
        for deployment, state in sorted(deployments.items()):
            if state.get("status") == UNHEALTHY:
                what = f"deployment {deployment} of application {name} is unhealthy: {_cause(state)}"
                return Failed("transient", what, "RayDeploymentUnhealthy")
    return None


def _failed(what: str, state: Object) -> Failed:
    """Return the failure, with a reason of its own where weights do not come."""
    own = marked_in(str(state.get("message") or ""))
    if own is None or own.reason not in CAUSES:
        return Failed("invalid", f"{what} does not start: {_cause(state)}", "RayDeployFailed")
    text = f"{own.message} ({own.hint})" if own.hint else own.message
    kind: FailureKind = "transient" if own.reason in OTHERS_FAULTS else "invalid"
    return Failed(kind, f"{what} does not start: {_short(text)}", own.reason)


def _going(name: str, application: Object) -> Iterator[str]:
    """Yield the deployments that are under way, with what they wait for where Ray Serve says so."""
    if application.get("status") == RUNNING:
        return
    deployments = application.get("serveDeploymentStatuses") or {}
    under_way = [(each, state) for each, state in sorted(deployments.items()) if state.get("status") != HEALTHY]
    for deployment, state in under_way:
        waits = f": {_short(state['message'])}" if state.get("message") else ""
        yield f"deployment {deployment} of application {name} is {str(state.get('status')).lower()}{waits}"
    if not under_way:
        yield f"application {name} is {str(application.get('status', 'not started')).lower()}"


def _cause(state: Object) -> str:
    """Return the error of a replica of ours, else the last line: of a traceback that is the exception."""
    own = marked_in(str(state.get("message") or ""))
    if own is not None:
        return _short(own.message)
    lines = [line.strip() for line in str(state.get("message") or "").splitlines() if line.strip()]
    return _short(lines[-1]) if lines else "Ray Serve tells no cause; see the logs of the Ray head"


def _about(condition: Object) -> str:
    """Return the words of a condition; KubeRay's reason ``Unknown`` is none."""
    reason = condition.get("reason")
    return _short(condition.get("message") or ("" if reason == "Unknown" else reason) or "nothing more is known of it")


def _short(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= SHOWN else f"{joined[: SHOWN - 1]}…"


def _condition(state: Object, kind: str) -> Object:
    return next((each for each in state.get("conditions") or [] if each.get("type") == kind), {})
