"""Whether the cluster would admit the pods, with all their volumes: asked before a node is, in the pool, by a dry run.

Only a pod itself meets quotas, Pod Security, limit ranges, priority classes and admission webhooks. A dry run of a
StatefulSet or a Job is admitted where its pods are refused, and an expensive node then waits for nothing.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from llmwright.errors import LLMwrightError
from llmwright.lifecycle.observed import Observed, Role, Trouble
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import PODS
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.manifests import Manifest, Manifests
from llmwright.targets.kubernetes.manifests.pods_to_come import pods_to_come
from llmwright.targets.kubernetes.operator.memory import Memory, PodVerdict, WorkspaceMemory
from llmwright.targets.kubernetes.operator.observe.event_causes import refusal
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.values.backoff import Backoff
from llmwright.values.launch import Launch
from llmwright.values.nodes import Ready
from llmwright.values.plan import Plan

REFUSED, UNASKED, UNKNOWN = "PodRefused", "PodCheckPending", "PodCheckFailed"
HOLDS_S = 60.0
"""How long an answer that admits holds while nodes are asked for."""
AGAIN = Backoff(first_s=5.0, most_s=60.0)
"""The pauses before a refusal is asked about again: a quota is raised without a word to us."""

LEAST_S = 0.1
"""The shortest time until a pass that is called for: the rest of a pause may be too small for the clock to show."""

NO_RIGHT = 'cannot create resource "pods"'
"""The words of RBAC where the operator itself may not ask."""
NO_DRY_RUN = "does not support dry run"
"""The words where a webhook has side effects: it judges the pod itself, later."""
NO_IMAGES = "mounts no images: set imageVolumes: false, or turn on its feature gate ImageVolume"
PASSING = frozenset({0, 404, 409, 429})
"""Answers that tell nothing about the pod: it is asked about again."""

Mounts = Callable[[Launch], bool]

log = logging.getLogger(__name__)


class PodCheck:
    """Asks the API server, and remembers its answer for each Workspace."""

    def __init__(
        self,
        api: Api,
        memory: Memory,
        tasks: Tasks,
        call: Callable[[Key, float], None],
        mounts: Mounts,
        *,
        enabled: bool = True,
    ) -> None:
        """``call`` has a pass made over a Workspace after some seconds; ``mounts`` tells whose pods mount an image."""
        self._api, self._memory, self._tasks, self._call = api, memory, tasks, call
        self._mounts, self._asks = mounts, enabled

    def seen(self, key: Key, plan: Plan, observed: Observed, render: Callable[[Role, Launch], Manifests]) -> Observed:
        """Return ``observed`` with what keeps nodes from being asked for: a refusal, or that nothing is known yet.

        Args:
            render: the objects of a role.
        """
        roles = roles_to_come(plan, observed, self._mounts)
        if not roles or not self._asks:
            return observed
        try:
            objects = [manifest for role, launch in roles for manifest in render(role, launch)]
        except LLMwrightError:
            # Whoever applies the objects reports it.
            return observed
        pods = pods_to_come(tuple(objects))
        digest = _digest(pods, plan.nodes.count)
        record = self._memory.of(key)
        known = record.pod_verdict if record.pod_verdict and record.pod_verdict.digest == digest else None
        if known is None or time.monotonic() >= known.until:
            work = partial(self._ask, key, record, digest, pods)
            self._tasks.submit(("pods", key), work, partial(self._call, key))
        if known is None:
            waits = Trouble(UNASKED, "the API server is asked whether it would admit the pod")
            return replace(observed, no_nodes=waits, no_nodes_yet=True)
        if known.trouble is not None:
            # With every pass: of several passes that are called for, a queue keeps the first alone.
            self._call(key, max(known.until - time.monotonic(), LEAST_S))
        return replace(observed, no_nodes=known.trouble, no_nodes_yet=known.passing)

    def _ask(self, key: Key, record: WorkspaceMemory, digest: str, pods: Sequence[Manifest]) -> None:
        before = record.pod_verdict
        failures = 1 + (before.failures if before is not None and before.digest == digest else 0)
        trouble, passing = self._answer(pods)
        pause_s = AGAIN.pause_s(failures) if trouble is not None else HOLDS_S
        record.pod_verdict = PodVerdict(
            digest, time.monotonic() + pause_s, trouble, passing, failures if trouble is not None else 0
        )
        if trouble is not None and (before is None or before.trouble != trouble):
            log.warning("%s/%s: no node is asked for: %s", *key, trouble.message)

    def _answer(self, pods: Sequence[Manifest]) -> tuple[Trouble | None, bool]:
        """Return why a pod would be refused, None where all would be admitted, and whether that may be over soon."""
        for pod in pods:
            try:
                admitted = self._api.create(PODS, pod, dry_run=True)
            except ApiError as error:
                if error.code == FORBIDDEN and NO_RIGHT in error.message:
                    self._asks = False
                    log.warning(
                        "pods are not tried before nodes are asked for: the operator lacks the right to create pods, "
                        "which its ClusterRole has; podCheck: false says that this is wanted"
                    )
                    return None, False
                if NO_DRY_RUN in error.message:
                    continue
                if error.code in PASSING or error.code >= 500:
                    return Trouble(UNKNOWN, f"whether the pod would be admitted is not known: {error.message}"), True
                return _refused(error), False
            if lost := left_out(pod, admitted):
                return Trouble(REFUSED, lost), False
        return None, False


def roles_to_come(plan: Plan, observed: Observed, mounts: Mounts) -> list[tuple[Role, Launch]]:
    """Return the roles whose pods are tried before anything is done for them; pure.

    Those that the nodes are bought for that are asked for now; and those that mount an image, on whatever nodes: a
    cluster that cannot do that says nothing, and their containers would start without it. Pods that are there were
    admitted: to ask again would count them twice against a quota, as where a node is lost.
    """
    asked = observed.provision
    if asked is None or plan.nodes.count == 0:
        return []
    buys = bool(asked.actions) and not isinstance(asked.outcome, Ready)
    roles: list[tuple[Role, Launch]] = []
    if plan.tuning is not None and observed.tuning.phase == "absent" and (buys or mounts(plan.tuning)):
        roles.append(("tuning", plan.tuning))
    serving = observed.serving
    fewer = buys and serving.pods is not None and serving.pods < plan.nodes.count
    starts = serving.phase == "absent"
    if plan.serving is not None and (fewer or (starts and (buys or mounts(plan.serving)))):
        roles.append(("serving", plan.serving))
    return roles


def _refused(error: ApiError) -> Trouble:
    """Return the refusal without the name of the pod that was only asked about."""
    _, _, message = error.message.partition(": ")
    return refusal(REFUSED, f"the cluster would refuse the pod: {message or error.message}")


def left_out(pod: Manifest, admitted: Manifest) -> str:
    """Return the message about a volume that the API server leaves out of the pod; empty where it keeps all.

    It does so without a word where the feature gate of that kind of volume is off.
    """
    kept = {volume["name"] for volume in admitted["spec"].get("volumes") or ()}
    for volume in pod["spec"].get("volumes") or ():
        if volume["name"] not in kept:
            lost = f"the cluster would leave out the volume {volume['name']} of the pod"
            return f"{lost}, for it {NO_IMAGES}" if "image" in volume else lost
    return ""


def _digest(pods: Sequence[Manifest], count: int) -> str:
    text = json.dumps([count, pods], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
