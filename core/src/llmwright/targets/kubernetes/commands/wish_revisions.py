"""The wishes of a Workspace's user so far, from its ControllerRevisions; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from llmwright.targets.kubernetes.manifests.object_metadata import REVISION

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WishRevision:
    """One of the things that were asked for.

    ``changed`` are the YAML paths that differ from the revision before it, ``present`` is true for the one that holds
    now, ``wish`` has resource, inference and tuning.
    """

    number: int
    made_at: str
    present: bool
    changed: tuple[str, ...]
    wish: Object


def wish_revisions(live: Object, kept: Iterable[Object]) -> tuple[WishRevision, ...]:
    """Return the revisions that belong to a live Workspace, the oldest first."""
    uid = live["metadata"].get("uid")
    present = (live["metadata"].get("annotations") or {}).get(REVISION)
    ours = [each for each in kept if _owner(each) == uid]
    revisions: list[WishRevision] = []
    for each in sorted(ours, key=lambda revision: int(revision["revision"])):
        number, wish = int(each["revision"]), each.get("data") or {}
        before = revisions[-1].wish if revisions else wish
        at = str(each["metadata"].get("creationTimestamp") or "")
        revisions.append(WishRevision(number, at, str(number) == present, tuple(_changed(before, wish)), wish))
    return tuple(revisions)


def _owner(revision: Object) -> str | None:
    return next((each["uid"] for each in revision["metadata"].get("ownerReferences") or ()), None)


def _changed(before: Any, after: Any, path: str = "") -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            yield from _changed(before.get(name), after.get(name), f"{path}.{name}" if path else str(name))
    else:
        yield path
