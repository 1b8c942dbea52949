"""What was asked for each time, from ControllerRevisions."""

from __future__ import annotations

from typing import Any

from llmwright.targets.kubernetes.commands.wish_revisions import wish_revisions
from llmwright.targets.kubernetes.manifests.object_metadata import REVISION


def revision(number: int, preset: str, owner: str = "u") -> dict[str, Any]:
    metadata = {"creationTimestamp": "2026-01-01T00:00:00Z", "ownerReferences": [{"uid": owner}]}
    return {"metadata": metadata, "revision": number, "data": {"inference": {"preset": {"name": preset}}}}


def test_they_are_in_order_with_what_changed_and_only_of_this_workspace() -> None:
    live = {"metadata": {"uid": "u", "annotations": {REVISION: "2"}}}
    kept = [revision(2, "b"), revision(1, "a"), revision(3, "c", owner="earlier")]
    found = wish_revisions(live, kept)
    assert [(each.number, each.present, each.changed) for each in found] == [
        (1, False, ()),
        (2, True, ("inference.preset.name",)),
    ]
