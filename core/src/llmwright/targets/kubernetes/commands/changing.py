"""Changes of a Workspace on a cluster by the person who runs a command: apply, stop, start, roll out, restart."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from llmwright.api.scaling import replicas_of
from llmwright.api.versions import V1BETA1
from llmwright.api.workspace import Workspace
from llmwright.errors import ConfigError, TargetError
from llmwright.lifecycle.conditions import NO_LONGER_ALLOWED, rfc3339
from llmwright.plan.digest import ROLLOUT
from llmwright.targets.kubernetes.cluster.api_resources import CONFIG_MAPS, STATEFULSETS, WORKSPACES, Resource
from llmwright.targets.kubernetes.cluster.merge_patch import replacing
from llmwright.targets.kubernetes.commands.access import Access

Object = Mapping[str, Any]
Change = Literal["created", "configured", "unchanged"]

MANAGER = "llmwright-cli"
"""The field manager of what a person applies; the operator's is another."""
STOPPED = "llmwright.io/stopped-replicas"
"""Annotation of a Workspace that was stopped: how many copies of the server it had, for `start`."""
RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""The annotation by which `kubectl rollout restart` has the pods of a StatefulSet made anew."""
SERVER_MADE = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink")


class Changing:
    """Sends changes to one cluster."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def apply(self, document: Object, namespace: str, *, dry_run: bool = False) -> Change:
        """Apply a Workspace's document server-side, as its user wrote it; ``dry_run`` only asks what would become.

        Raises:
            TargetError: the API server, its rules or a webhook refuse it.
        """
        resource = Resource.of_version(str(document["apiVersion"]), WORKSPACES.plural)
        return self._apply(resource, _as_written(document, namespace), dry_run=dry_run)

    def apply_config(self, name: str, data: Mapping[str, str], namespace: str) -> Change:
        """Apply a ConfigMap that stands beside a Workspace in its file, or whose files lie on this machine."""
        metadata = {"name": name, "namespace": namespace}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}
        return self._apply(CONFIG_MAPS, body)

    def _apply(self, resource: Resource, body: Object, *, dry_run: bool = False) -> Change:
        metadata = body["metadata"]
        before = self._access.ask(lambda api: api.find(resource, metadata["namespace"], metadata["name"]))
        after = self._access.ask(lambda api: api.apply(resource, body, manager=MANAGER, dry_run=dry_run))
        if before is None:
            return "created"
        return "unchanged" if _content(before) == _content(after) else "configured"

    def stop(self, workspace: Workspace) -> Change:
        """Have no copy of its server run, and its nodes given back; all that was decided for it stays.

        Raises:
            ConfigError: it tunes, and a cluster does not stop that.
        """
        key = f"{workspace.namespace}/{workspace.name}"
        if workspace.inference is None:
            hint = "delete it; on one machine `stop` keeps the checkpoints"
            raise ConfigError(f"{key} tunes: on a cluster only what serves can be stopped", hint=hint)
        copies = replicas_of(workspace)
        if copies == 0:
            return "unchanged"
        # The number first: were it not kept, `start` could not know it.
        self._annotate(workspace, STOPPED, str(copies))
        try:
            self._scale(workspace, 0)
        except TargetError:
            self._annotate(workspace, STOPPED, None)
            raise
        return "configured"

    def start(self, workspace: Workspace) -> Change:
        """Have as many copies of its server run as before it was stopped."""
        before = workspace.metadata.annotations.get(STOPPED, "")
        if replicas_of(workspace) > 0 and not before:
            return "unchanged"
        if replicas_of(workspace) == 0:
            self._scale(workspace, int(before) if before.isdecimal() and int(before) else 1)
        self._annotate(workspace, STOPPED, None)
        return "configured"

    def start_again(self, workspace: Workspace) -> bool:
        """Start a Workspace that `stop` had stopped; return whether it was one."""
        return STOPPED in workspace.metadata.annotations and self.start(workspace) == "configured"

    def roll_out(self, workspace: Workspace, now: datetime) -> Change:
        """Have its plan made anew with the versions and defaults of today, where it would differ.

        Where nodes are waited for, a provisioner that rests after failures tries at once.

        Raises:
            ConfigError: what it asks for is allowed no more, so that it would be stalled.
        """
        newer = workspace.status.condition("UpdateAvailable") if workspace.status is not None else None
        if newer is None and not _lacks_nodes(workspace):
            return "unchanged"
        if newer is not None and newer.reason == NO_LONGER_ALLOWED:
            message = f"{workspace.namespace}/{workspace.name} cannot be rolled out: {newer.message}"
            raise ConfigError(message, hint="apply it without that, or ask for the setting", reason=newer.reason)
        self._annotate(workspace, ROLLOUT, rfc3339(now))
        return "configured"

    def restart(self, workspace: Workspace, now: datetime) -> Change:
        """Have the pods of its server made anew, one after the other, as `kubectl rollout restart` does.

        Raises:
            TargetError: it has no server whose pods can be made anew so.
        """
        key = workspace.namespace, workspace.name
        if self._access.ask(lambda api: api.find(STATEFULSETS, *key)) is None:
            stop, start = (
                self._access.same_place.command(f"{verb} {workspace.name}", workspace.namespace)
                for verb in ("stop", "start")
            )
            hint = f"`{stop}` and `{start}` make it anew, in so far as it serves"
            raise TargetError(f"{'/'.join(key)} has no StatefulSet to restart", hint=hint, reason="NothingToRestart")
        patch = {"spec": {"template": {"metadata": {"annotations": {RESTARTED: rfc3339(now)}}}}}
        self._access.ask(lambda api: api.merge(STATEFULSETS, *key, patch, manager=MANAGER))
        return "configured"

    def replace_wish(self, workspace: Workspace, wish: Object, *, dry_run: bool = False) -> Change:
        """Have a Workspace ask for what a ``wish`` (its resource, inference and tuning) says, and for nothing else."""
        now: dict[str, Any] = self._access.ask(lambda api: api.get(WORKSPACES, workspace.namespace, workspace.name))
        parts = ("resource", "inference", "tuning")
        patch = {part: replacing(now.get(part), wish.get(part)) for part in parts if now.get(part) != wish.get(part)}
        if not patch:
            return "unchanged"
        patch["metadata"] = {"resourceVersion": now["metadata"]["resourceVersion"]}
        key = workspace.namespace, workspace.name
        self._access.ask(lambda api: api.merge(WORKSPACES, *key, patch, manager=MANAGER, dry_run=dry_run))
        return "configured"

    def _annotate(self, workspace: Workspace, name: str, value: str | None) -> None:
        patch = {"metadata": {"annotations": {name: value}}}
        key = workspace.namespace, workspace.name
        self._access.ask(lambda api: api.merge(WORKSPACES, *key, patch, manager=MANAGER))

    def _scale(self, workspace: Workspace, copies: int) -> None:
        """Set the size by the subresource: it is no part of the wish, so the plan stays."""
        patch = {"spec": {"replicas": copies}}
        key = workspace.namespace, workspace.name
        self._access.ask(lambda api: api.merge(WORKSPACES, *key, patch, "scale", manager=MANAGER))


def _lacks_nodes(workspace: Workspace) -> bool:
    """Return whether its nodes are not there, and were not given back."""
    resource = workspace.status.condition("ResourceReady") if workspace.status is not None else None
    return resource is not None and (resource.status, resource.reason == "Released") == ("False", False)


def _as_written(document: Object, namespace: str) -> dict[str, Any]:
    """Return what the user says of a Workspace, without what the API server and the operator add to it."""
    metadata = {name: value for name, value in document["metadata"].items() if name not in SERVER_MADE}
    kept = {name: value for name, value in document.items() if name != "status"}
    return {"apiVersion": V1BETA1, **kept, "metadata": {**metadata, "namespace": namespace}}


def _content(live: Object) -> Object:
    """Return what a person changes, without what every write moves."""
    metadata = live["metadata"]
    kept = {name: value for name, value in live.items() if name not in ("metadata", "status")}
    return {**kept, "labels": metadata.get("labels") or {}, "annotations": metadata.get("annotations") or {}}
