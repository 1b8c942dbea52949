"""The copies of a server: how few and how many there may be."""

from __future__ import annotations

from dataclasses import dataclass

from llmwright.api.scaling import autoscaling_of, replicas_of
from llmwright.api.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """The number of copies of a server: from ``lowest`` to ``highest``, beginning with ``start``.

    ``target`` is how many requests each copy is to have at once, None where the user leaves it open.
    """

    lowest: int = 1
    highest: int = 1
    start: int = 1
    target: float | None = None


ONE_COPY = Copies()


def copies_of(workspace: Workspace) -> Copies:
    """Return the range of the number of copies; a single number where nothing scales it."""
    start, scaling = replicas_of(workspace), autoscaling_of(workspace)
    if scaling is None:
        return Copies(lowest=start, highest=start, start=start)
    return Copies(lowest=scaling.min_replicas, highest=scaling.max_replicas, start=start, target=scaling.target)
