"""ControllerRevisions: what the user wrote each time, by KAITO's names (v0.12, ``syncControllerRevision``)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmwright.api.versions import V1BETA1
from llmwright.targets.kubernetes.cluster.api_resources import CONTROLLER_REVISIONS
from llmwright.targets.kubernetes.manifests.object_metadata import REVISION
from llmwright.targets.kubernetes.operator.cache.owner_reference import REVISION_OWNER

HASH = "workspace.kaito.io/hash"
KEPT = 10
PARTS = ("resource", "inference", "tuning")

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Revision:
    """What is written now: its number, its object where that has to be made, and one that is to go."""

    number: int
    digest: str
    create: Object | None = None
    outdated: str | None = None

    @property
    def annotations(self) -> dict[str, str]:
        """What the Workspace itself says of it."""
        return {HASH: self.digest, REVISION: str(self.number)}


def revision_of(workspace: Mapping[str, Any], known: Sequence[Object]) -> Revision:
    """The revision of ``workspace`` as the API server holds it; ``known`` are those that are there. Pure.

    One that is written again keeps its number.
    """
    data = {part: workspace[part] for part in PARTS if part in workspace}
    digest = hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    for found in known:
        if (found["metadata"].get("annotations") or {}).get(HASH) == digest:
            return Revision(found["revision"], digest)
    number = max((found["revision"] for found in known), default=0) + 1
    oldest = min(known, key=lambda found: int(found["revision"]), default=None)
    outdated = oldest["metadata"]["name"] if oldest is not None and len(known) > KEPT else None
    return Revision(number, digest, _object(workspace, data, digest, number), outdated)


def _object(workspace: Mapping[str, Any], data: Object, digest: str, number: int) -> Object:
    about = workspace["metadata"]
    owner = {"apiVersion": V1BETA1, "kind": "Workspace", "name": about["name"], "uid": about["uid"]}
    return {
        "apiVersion": CONTROLLER_REVISIONS.api_version,
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{about['name']}-{digest[:5]}",
            "namespace": about["namespace"],
            "labels": {REVISION_OWNER: about["name"]},
            "annotations": {HASH: digest},
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
        },
        "revision": number,
        "data": data,
    }
