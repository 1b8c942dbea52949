"""What a target's caches hold at one moment, as provisioners may read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Snapshot(Protocol):
    """A frozen view of a cluster: objects as its API server gives them, as JSON values, not to be changed.

    It is fed by watches and never asks the cluster. Kinds that the driver did not name in ``watches()`` are not in it.
    """

    def nodes(self, labels: Mapping[str, str] | None = None) -> Sequence[Mapping[str, Any]]:
        """Nodes of the cluster (``v1`` Node) that carry all of ``labels``, in the order of their names.

        All nodes where none are named. The same question costs nothing again until a node comes, goes or changes.
        """
        ...

    def node(self, name: str) -> Mapping[str, Any] | None:
        """One node, None where there is none of that name."""
        ...

    def objects(self, group: str, plural: str, namespace: str, workspace: str) -> Sequence[Mapping[str, Any]]:
        """Objects of one watched kind that carry the owner labels of one Workspace, in the order of their names.

        The owner labels are those of the driver's ``Watch`` of that kind, any pair of them where several Watches name
        it. Found by an index: it costs what it gives. Nodes come from ``nodes`` and ``node`` alone.
        Empty where there are none, also where the cluster does not serve the kind: see ``served``.
        """
        ...

    def served(self, group: str, plural: str) -> bool:
        """Whether the cluster serves that kind now; False once its CRD is gone, or before it came."""
        ...
