"""Objects that a provisioner creates for a new Workspace, as ``render`` shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmwright.plugins.drivers import Provisioner
from llmwright.targets.kubernetes.manifests.render_input import Manifests
from llmwright.values.nodes import NodeRequest
from llmwright.values.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class EmptySnapshot(Snapshot):
    """The caches of a cluster that serves every kind and holds nothing."""

    def nodes(self, labels: Mapping[str, str] | None = None) -> Sequence[Mapping[str, Any]]:
        """Return no nodes."""
        return ()

    def node(self, name: str) -> Mapping[str, Any] | None:
        """Return None: there is no node."""
        return None

    def objects(self, group: str, plural: str, namespace: str, workspace: str) -> Sequence[Mapping[str, Any]]:
        """Return no objects."""
        return ()

    def served(self, group: str, plural: str) -> bool:
        """Return True: every kind is served."""
        return True


def node_objects(provisioner: Provisioner, request: NodeRequest, now: datetime) -> Manifests:
    """Return the objects of its first actions; none for a provisioner that asks a cloud outside of the cluster."""
    if type(provisioner).refresh is not Provisioner.refresh:
        return ()
    decision = provisioner.decide(request, provisioner.observe(request, EmptySnapshot()), now)
    return tuple(dict(action.body) for action in decision.actions if {"apiVersion", "kind"} <= action.body.keys())
