"""The lines that the containers of a Workspace wrote, from the right pods, in the order of the lifecycle."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from llmwright.errors import TargetError
from llmwright.lifecycle.observed import ROLES
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import NOT_FOUND, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import PODS
from llmwright.targets.kubernetes.commands.access import Access
from llmwright.targets.kubernetes.manifests.object_metadata import WORKSPACE_LABEL
from llmwright.targets.kubernetes.manifests.object_names import preflight_job_name

Object = Mapping[str, Any]

LOOK_S = 1.0
"""How often new containers are looked for while lines are followed."""


@dataclass(frozen=True, slots=True)
class LogSource:
    """One run of a container. ``previous`` is the run before the present one, which has not begun."""

    role: str
    pod: str
    container: str
    run: str
    previous: bool = False


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
        sources = self._sources()
        if not sources:
            done = "ended before" if self._previous else "written anything"
            raise TargetError(
                f"no container of workspace {self._name!r} has {done}"
                + (f" for {self._stage!r}" if self._stage else ""),
                hint=f"`llmwright describe {self._name}` says what it waits for",
                reason="NoLogs",
            )
        prefixed = len(sources) > 1
        for source in sources:
            for line in self._access.ask(lambda api, each=source: list(self._lines(api, each))):  # type: ignore[misc]
                yield _prefix(source, line) if prefixed else line

    def followed(self) -> Iterator[str]:
        """Yield the lines as they are written, of new containers too, until the Workspace is gone."""
        lines: queue.Queue[str] = queue.Queue()
        begun: dict[LogSource, threading.Thread] = {}
        patient = self._access.patient(None)
        while True:
            there = patient.find_workspace(self._namespace, self._name) is not None
            for source in self._sources() if there else ():
                if source not in begun:
                    begun[source] = threading.Thread(target=self._pump, args=(source, lines), daemon=True)
                    begun[source].start()
            with suppress(queue.Empty):
                while True:
                    yield lines.get(timeout=LOOK_S)
            if not there and not any(thread.is_alive() for thread in begun.values()):
                return

    def _pump(self, source: LogSource, lines: queue.Queue[str]) -> None:
        try:
            for line in self._lines(self._access.api, source, follow=True):
                lines.put(_prefix(source, line))
        except ApiError as error:
            # The next look finds it again where it still runs.
            if error.code != NOT_FOUND:
                lines.put(f"[{source.pod}/{source.container}] {error.message}")

    def _lines(self, api: Api, source: LogSource, *, follow: bool = False) -> Iterator[str]:
        query = {"container": source.container}
        if source.previous:
            query["previous"] = "true"
        elif follow:
            query["follow"] = "true"
        return api.log_lines(self._namespace, source.pod, query)

    def _sources(self) -> list[LogSource]:
        query = {"labelSelector": f"{WORKSPACE_LABEL}={self._name}"}
        pods = self._access.ask(lambda api: api.page(PODS, query, namespace=self._namespace))["items"]
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
            yield LogSource(role, name, each["name"], run)
        elif "terminated" in last:
            # Between two starts only the run before has lines.
            yield LogSource(role, name, each["name"], run, previous=True)


def _is_meant(source: LogSource, stage: str | None) -> bool:
    words = (None, source.role, source.container, f"{source.role}.{source.container}", source.pod)
    return stage in words


def _prefix(source: LogSource, line: str) -> str:
    return f"[{source.pod}/{source.container}] {line}"
