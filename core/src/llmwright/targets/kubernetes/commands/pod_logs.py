"""The lines that the containers of a Workspace wrote, from the right pods, in the order of the lifecycle."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from llmwright.errors import TargetError
from llmwright.lifecycle.observed import ROLES
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_resources import PODS
from llmwright.targets.kubernetes.commands.access import Access
from llmwright.targets.kubernetes.commands.followed_lines import FollowedLines
from llmwright.targets.kubernetes.manifests.object_metadata import WORKSPACE_LABEL
from llmwright.targets.kubernetes.manifests.object_names import preflight_job_name

Object = Mapping[str, Any]

NOTHING_MORE: Mapping[str, str] = MappingProxyType({})
LOOK_S = 1.0
"""How often new containers are looked for while lines are followed."""


@dataclass(frozen=True, slots=True)
class LogSource:
    """One run of a container. ``previous`` is the run before the present one, which has not begun.

    ``running`` is no part of what it is: the same run ends later.
    """

    role: str
    pod: str
    container: str
    run: str
    previous: bool = False
    running: bool = field(default=False, compare=False)


class PodLogs:
    """Logs of one Workspace."""

    def __init__(self, access: Access, namespace: str, name: str, stage: str | None, *, previous: bool = False) -> None:
        """With ``previous`` each container is read from the run before its last start."""
        self._access, self._namespace, self._name, self._stage = access, namespace, name, stage
        self._previous = previous

    def written(self) -> Iterator[str]:
        """Yield the lines that are there.

        Raises:
            TargetError: no container has begun, or its node does not answer.
        """
        sources = self._sources(self._access)
        if not sources:
            describe = self._access.same_place.command(f"describe {self._name}", self._namespace)
            done = "ended before" if self._previous else "written anything"
            raise TargetError(
                f"no container of workspace {self._name!r} has {done}"
                + (f" for {self._stage!r}" if self._stage else ""),
                hint=f"`{describe}` says what it waits for",
                reason="NoLogs",
            )
        prefixed = len(sources) > 1
        for source in sources:
            for line in self._access.ask(lambda api, each=source: list(self._lines(api, each))):  # type: ignore[misc]
                yield _prefix(source, line) if prefixed else line

    def followed(self) -> Iterator[str]:
        """Yield the lines as they are written, of new containers too, until the Workspace is gone.

        It outlives an API server: what was written while that was away comes when it answers again.
        """
        lines: queue.Queue[str] = queue.Queue()
        begun: dict[LogSource, FollowedLines] = {}
        patient = self._access.patient(None)
        while True:
            there = patient.find_workspace(self._namespace, self._name) is not None
            for source in self._sources(patient) if there else ():
                if source not in begun:
                    begun[source] = self._follower(source, lines)
                begun[source].go_on(running=source.running)
            # Bounded: lines that come without a pause keep nobody from looking.
            until = time.monotonic() + LOOK_S
            with suppress(queue.Empty):
                while (rest_s := until - time.monotonic()) > 0:
                    yield lines.get(timeout=rest_s)
            if not there and not any(each.alive for each in begun.values()):
                while not lines.empty():
                    yield lines.get()
                return

    def _follower(self, source: LogSource, lines: queue.Queue[str]) -> FollowedLines:
        def read(query: Mapping[str, str]) -> Iterator[str]:
            follows = {} if source.previous else {"follow": "true"}
            return self._lines(self._access.api, source, {**query, **follows})

        return FollowedLines(read, lambda line: lines.put(_prefix(source, line)))

    def _lines(self, api: Api, source: LogSource, more: Mapping[str, str] = NOTHING_MORE) -> Iterator[str]:
        query = {"container": source.container, **({"previous": "true"} if source.previous else {}), **more}
        return api.log_lines(self._namespace, source.pod, query)

    def _sources(self, access: Access) -> list[LogSource]:
        query = {"labelSelector": f"{WORKSPACE_LABEL}={self._name}"}
        pods = access.ask(lambda api: api.page(PODS, query, namespace=self._namespace))["items"]
        found = log_sources(self._name, pods, previous=self._previous)
        return [each for each in found if _is_meant(each, self._stage)]


def log_sources(workspace: str, pods: Iterable[Object], *, previous: bool = False) -> list[LogSource]:
    """Return the containers that have written: of each Job the latest pod, of a server all pods; pure.

    With ``previous`` those that were started again, and the run before.
    """
    by_role: dict[str, list[Object]] = {}
    for pod in pods:
        by_role.setdefault(_role(workspace, pod), []).append(pod)
    sources: list[LogSource] = []
    for role in sorted(by_role, key=lambda each: ROLES.index(each) if each in ROLES else len(ROLES)):
        there = sorted(by_role[role], key=lambda pod: (pod["metadata"]["creationTimestamp"], pod["metadata"]["name"]))
        chosen = there if role == "serving" else there[-1:]
        sources += [source for pod in chosen for source in _containers(role, pod, previous)]
    return sources


def _role(workspace: str, pod: Object) -> str:
    owners = {(each["kind"], each["name"]) for each in pod["metadata"].get("ownerReferences") or ()}
    if ("Job", preflight_job_name(workspace)) in owners:
        return "preflight"
    return "tuning" if ("Job", workspace) in owners else "serving"


def _containers(role: str, pod: Object, previous: bool) -> Iterator[LogSource]:
    status, name = pod.get("status") or {}, pod["metadata"]["name"]
    for each in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state, last = each.get("state") or {}, each.get("lastState") or {}
        run = f"{pod['metadata'].get('uid')}/{each.get('restartCount') or 0}"
        if previous:
            if "terminated" in last:
                yield LogSource(role, name, each["name"], run, previous=True)
        elif "running" in state or "terminated" in state:
            yield LogSource(role, name, each["name"], run, running="running" in state)
        elif "terminated" in last:
            # Between two starts only the run before has lines.
            yield LogSource(role, name, each["name"], run, previous=True)


def _is_meant(source: LogSource, stage: str | None) -> bool:
    words = (None, source.role, source.container, f"{source.role}.{source.container}", source.pod)
    return stage in words


def _prefix(source: LogSource, line: str) -> str:
    return f"[{source.pod}/{source.container}] {line}"
