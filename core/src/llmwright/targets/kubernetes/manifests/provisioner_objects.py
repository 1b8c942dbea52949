"""What a provisioner creates where nothing of it is there yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llmwright.plugins.drivers import Provisioner
from llmwright.targets.kubernetes.manifests.render_input import Manifest
from llmwright.values.nodes import NodeRequest
from llmwright.values.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class EmptySnapshot(Snapshot):
    """The caches of a cluster that serves every kind and holds nothing."""

    def nodes(self, labels: Mapping[str, str] | None = None) -> Sequence[Mapping[str, Any]]:
        """None."""
        return ()

    def node(self, name: str) -> Mapping[str, Any] | None:
        """None."""
        return None

    def objects(self, group: str, plural: str, namespace: str, workspace: str) -> Sequence[Mapping[str, Any]]:
        """None."""
        return ()

    def served(self, group: str, plural: str) -> bool:
        """Every kind is."""
        return True


def node_objects(provisioner: Provisioner, request: NodeRequest, now: datetime) -> tuple[Manifest, ...]:
    """The objects that its first actions create; none of a provisioner that asks a cloud outside of the cluster."""
    if type(provisioner).refresh is not Provisioner.refresh:
        return ()
    decision = provisioner.decide(request, provisioner.observe(request, EmptySnapshot()), now)
    return tuple(dict(action.body) for action in decision.actions if {"apiVersion", "kind"} <= action.body.keys())
