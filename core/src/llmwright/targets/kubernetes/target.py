"""A cluster, as the command line uses it: Workspaces are objects there, and an operator carries them out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import NotYet, TargetError
from llmwright.lifecycle.waiting import holds, present_status
from llmwright.targets.kubernetes.cluster.api_resources import (
    CONTROLLER_REVISIONS,
    EVENTS,
    JOBS,
    NODES,
    PODS,
    SERVICES,
    STATEFULSETS,
    WORKSPACES,
    Resource,
)
from llmwright.targets.kubernetes.cluster.kubeconfig import connect, context_name, own_namespace
from llmwright.targets.kubernetes.cluster.listing import all_pages
from llmwright.targets.kubernetes.commands.access import Access
from llmwright.targets.kubernetes.commands.changing import Change, Changing
from llmwright.targets.kubernetes.commands.child_tree import child_tree
from llmwright.targets.kubernetes.commands.deletion import Deletion
from llmwright.targets.kubernetes.commands.event_lines import event_lines
from llmwright.targets.kubernetes.commands.pod_logs import PodLogs
from llmwright.targets.kubernetes.commands.watching import changes
from llmwright.targets.kubernetes.commands.wish_revisions import WishRevision, wish_revisions
from llmwright.targets.kubernetes.manifests.object_metadata import WORKSPACE_LABEL
from llmwright.targets.kubernetes.operator.cache.owner_reference import REVISION_OWNER
from llmwright.targets.kubernetes.operator.pass_subject import parsed
from llmwright.targets.workspace_target import Child, Tell
from llmwright.values.plan import Plan
from llmwright.values.same_place import SamePlace

Object = Mapping[str, Any]
Objects = list[Object]
Pairs = list[tuple[str, Object]]

POLL_S = 0.5


class ClusterTarget:
    """Workspaces of a cluster, with the rights of the kubeconfig's user. Nothing is kept between two calls."""

    def __init__(
        self,
        kubeconfig: str | None = None,
        context: str | None = None,
        tell: Tell = lambda _: None,
        written: SamePlace | None = None,
    ) -> None:
        """Raises ConfigError where no cluster is configured.

        ``tell`` takes the line that one is waited for, ``written`` is the command line that asks.
        """
        self.kubeconfig, self.context = kubeconfig, context
        self.access = Access(connect(kubeconfig, context, written), tell)
        self.changing = Changing(self.access)

    @property
    def place(self) -> str:
        """The cluster, by its context and address."""
        name = context_name(self.kubeconfig, self.context)
        host = self.access.api.configuration.host
        return f"context {name}, {host}" if name else f"the cluster of this pod, {host}"

    @property
    def same_place(self) -> SamePlace:
        """For the commands that messages propose."""
        return self.access.same_place

    @property
    def namespace(self) -> str:
        """The namespace of the context, or of this pod."""
        return own_namespace(self.kubeconfig, self.context)

    def repair(self) -> tuple[tuple[str, str], ...]:
        """Nothing: an operator mends what it left."""
        return ()

    def live(self, namespace: str, name: str, access: Access | None = None) -> dict[str, Any]:
        """Return the object as it is on the cluster."""
        found = (access or self.access).find_workspace(namespace, name)
        if found is None:
            raise TargetError(
                f"workspace {name!r} is not there in namespace {namespace!r}",
                hint=f"`{self.same_place.command('get -A')}` lists those that are",
                reason="NotFound",
            )
        return found

    def get(self, namespace: str, name: str) -> Workspace:
        """Return the Workspace with its status."""
        return _workspace(self.live(namespace, name))

    def list(self, namespace: str | None = None, selector: str = "") -> Iterator[Workspace]:
        """Iterate over the Workspaces with these labels of one namespace or of all, by namespace and name."""
        yield from map(_workspace, self._pages(WORKSPACES, namespace, selector))

    def names(self, namespace: str | None = None, selector: str = "") -> Iterator[tuple[str, str]]:
        """Iterate over namespace and name of these Workspaces."""
        for live in self._pages(WORKSPACES, namespace, selector):
            yield live["metadata"]["namespace"], live["metadata"]["name"]

    def watch(self, namespace: str, name: str, timeout_s: float | None = None) -> Iterator[Workspace]:
        """Iterate over the Workspace now and after each change of its status, until it is deleted.

        A status from before the latest apply is left out.

        Raises:
            NotYet: it is still there after ``timeout_s``.
        """
        until, access = _until(timeout_s), self.access.patient(timeout_s)
        last: WorkspaceStatus | None = None
        while True:
            found = access.find_workspace(namespace, name)
            if found is None:
                return
            workspace = _workspace(found)
            status = present_status(workspace)
            if status is not None and status != last:
                last = status
                yield workspace
            if time.monotonic() >= until:
                raise NotYet(f"{namespace}/{name} is still there after {timeout_s:g} s")
            time.sleep(POLL_S)

    def changes(self, namespace: str | None = None, selector: str = "") -> Iterator[Workspace]:
        """Iterate without end over the Workspaces with these labels as they are, and after each change.

        It outlives an API server: what changed while that was away is seen when it answers again.
        """
        seen: dict[str, str] = {}
        access = self.access.patient(None)
        for live in changes(access, WORKSPACES, namespace, selector):
            metadata = live["metadata"]
            if seen.get(metadata["uid"]) != metadata["resourceVersion"]:
                seen[metadata["uid"]] = metadata["resourceVersion"]
                yield _workspace(live)

    def wait(self, namespace: str, name: str, condition: str, timeout_s: float | None = None) -> None:
        """Return once ``condition`` holds, or with ``delete`` once it is gone. It outlives an API server.

        Raises:
            NotYet: not within ``timeout_s``.
            TargetError, ConfigError: it is stalled, with the root cause.
        """
        key, until, access = f"{namespace}/{name}", _until(timeout_s), self.access.patient(timeout_s)
        while not self._holds(access, namespace, name, condition):
            if time.monotonic() >= until:
                raise NotYet(f"{key}: {condition} does not hold after {timeout_s:g} s")
            time.sleep(POLL_S)

    def _holds(self, access: Access, namespace: str, name: str, condition: str) -> bool:
        if condition == "delete":
            return access.find_workspace(namespace, name) is None
        status = present_status(_workspace(self.live(namespace, name, access)))
        return status is not None and holds(status, condition, f"{namespace}/{name}")

    def logs(
        self,
        namespace: str,
        name: str,
        *,
        following: bool = False,
        stage: str | None = None,
        previous: bool = False,
    ) -> Iterator[str]:
        """Iterate over the lines that its containers wrote, each with its pod where there are several.

        ``stage`` chooses a role (``tuning``), a container, both (``tuning.main``) or a pod; ``previous`` the run of
        each container before its last start.
        """
        self.live(namespace, name)
        logs = PodLogs(self.access, namespace, name, stage, previous=previous)
        return logs.followed() if following else logs.written()

    def recorded_plan(self, namespace: str, name: str) -> Plan | None:
        """Return None: a cluster keeps the record in the status alone."""
        self.live(namespace, name)
        return None

    def events(self, namespace: str, name: str) -> Iterator[str]:
        """Iterate over the Events of the Workspace and of its children, the oldest first."""
        workspace = self.live(namespace, name)
        uids = {each["metadata"].get("uid") for each in (workspace, *(live for _, live in self._objects(workspace)))}
        listed = partial(all_pages, resource=EVENTS, namespace=namespace, selector="")
        pages: Objects = self.access.ask_or(listed, [])
        yield from event_lines((live for page in pages for live in page.get("items") or []), uids)

    def children(self, namespace: str, name: str) -> tuple[Child, ...]:
        """Return the Jobs, servers, Services and pods of the Workspace; of kinds that may be read."""
        workspace = self.live(namespace, name)
        nodes: dict[str, Object | None] = {}

        def find_node(node: str) -> Object | None:
            if node not in nodes:
                nodes[node] = self.access.ask_or(lambda api: api.find(NODES, None, node), {"status": READY})
            return nodes[node]

        return child_tree(self._objects(workspace), find_node)

    def delete(
        self,
        namespace: str,
        name: str,
        *,
        wait: bool = True,
        timeout_s: float | None = None,
        force: bool = False,
        tell: Tell = lambda _: None,
    ) -> None:
        """Ask for it to go; the operator ends it and gives its machines back before it is gone.

        With ``force`` it is gone at once, and what is held for it stays.

        Raises:
            NotYet: it is still there after ``timeout_s``.
        """
        deletion = Deletion(self.access, self.live(namespace, name))
        deletion.ask(force=force)
        if wait:
            deletion.wait(timeout_s, tell)

    def stop(self, namespace: str, name: str) -> Change:
        """Have no copy of its server run; its nodes are given back, and its plan stays.

        Raises:
            ConfigError: it tunes.
        """
        return self.changing.stop(self.get(namespace, name))

    def start(self, namespace: str, name: str) -> Change:
        """Have its server run again, with as many copies as before."""
        return self.changing.start(self.get(namespace, name))

    def restart(self, namespace: str, name: str) -> Change:
        """Have the pods of its server made anew, one after the other."""
        return self.changing.restart(self.get(namespace, name), datetime.now(UTC))

    def revisions(self, namespace: str, name: str) -> tuple[WishRevision, ...]:
        """Return what its user asked for each time, the oldest first."""
        live = self.live(namespace, name)
        kept = self._pages(CONTROLLER_REVISIONS, namespace, f"{REVISION_OWNER}={name}")
        return wish_revisions(live, kept)

    def _objects(self, live: Object) -> Pairs:
        """Return what a live Workspace became, each with its kind: our own kinds, and those that plugins brought."""
        namespace, selector = live["metadata"]["namespace"], f"{WORKSPACE_LABEL}={live['metadata']['name']}"
        added = map(Resource.parse, (live.get("status") or {}).get("objectKinds") or ())
        found: Pairs = []
        for resource in dict.fromkeys((STATEFULSETS, JOBS, SERVICES, PODS, *(each for each in added if each))):
            listed = partial(all_pages, resource=resource, namespace=namespace, selector=selector)
            for page in self.access.ask_or(listed, []):
                kind = str(page["kind"]).removesuffix("List")
                found += [(kind, each) for each in page.get("items") or []]
        return found

    def _pages(self, resource: Resource, namespace: str | None, selector: str = "") -> Objects:
        pages = self.access.ask(partial(all_pages, resource=resource, namespace=namespace, selector=selector))
        return [live for page in pages for live in page.get("items") or []]


READY = {"conditions": [{"type": "Ready", "status": "True"}]}
"""The status that a node is supposed to have which may not be read."""


def _until(timeout_s: float | None) -> float:
    return float("inf") if timeout_s is None else time.monotonic() + timeout_s


def _workspace(live: Mapping[str, Any]) -> Workspace:
    metadata = {name: value for name, value in live["metadata"].items() if name != "managedFields"}
    return parsed({**live, "metadata": metadata})[0]
