"""Snapshot: the content of a target's caches at one moment, for provisioners to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Snapshot(Protocol):
    """A frozen view of a cluster: objects as JSON values, as the API server returns them. Do not change them.

    Watches feed it; it never asks the cluster. It holds only kinds that the driver named in ``watches()``.
    """

    def nodes(self, labels: Mapping[str, str] | None = None) -> Sequence[Mapping[str, Any]]:
        """Nodes of the cluster (``v1`` Node) that carry all of ``labels``, in the order of their names.

        All nodes without ``labels``. The same question is answered from memory until a node comes, goes or changes.
        """
        ...

    def node(self, name: str) -> Mapping[str, Any] | None:
        """Return the node of that name, None where there is none."""
        ...

    def objects(self, group: str, plural: str, namespace: str, workspace: str) -> Sequence[Mapping[str, Any]]:
        """Objects of one watched kind that carry the owner labels of one Workspace, in the order of their names.

        The owner labels are those of the driver's ``Watch`` of that kind; any pair of them where several Watches name
        it. An index finds them, so the cost grows with the result only. Nodes come from ``nodes`` and ``node`` alone.
        Empty where there are none, also where the cluster does not serve the kind: see ``served``.
        """
        ...

    def every(self, group: str, plural: str) -> Sequence[Mapping[str, Any]]:
        """Return all objects of one watched kind, whoever they were made for, in the order of their names."""
        return ()

    def events(self, kind: str, name: str) -> Sequence[Mapping[str, Any]]:
        """Return the Warning Events about the object of a kind that a ``Watch`` names as ``events_of``, oldest first.

        The object itself may be gone; Kubernetes keeps Events for an hour. Each has ``reason``, ``message``, ``at`` (as
        Kubernetes writes times) and ``involvedObject``. Empty where the operator may not read Events.
        """
        return ()

    def served(self, group: str, plural: str) -> bool:
        """Whether the cluster serves that kind now; False while its CRD is not installed."""
        ...
