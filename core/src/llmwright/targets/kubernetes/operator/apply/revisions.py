"""ControllerRevisions: what the user wrote each time, by KAITO's names (v0.12, ``syncControllerRevision``)."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmwright.api.versions import V1BETA1
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import INVALID, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import CONTROLLER_REVISIONS
from llmwright.targets.kubernetes.cluster.object_cache import Key, ObjectCache
from llmwright.targets.kubernetes.manifests.object_metadata import REVISION
from llmwright.targets.kubernetes.operator.cache.owner_reference import REVISION_OWNER

HASH = "workspace.kaito.io/hash"
KEPT = 10
PARTS = ("resource", "inference", "tuning")

Object = dict[str, Any]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Revision:
    """The present revision: its number, its object where that has to be made, and the name of one to delete."""

    number: int
    digest: str
    create: Object | None = None
    outdated: str | None = None

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations of a Workspace that is at this revision."""
        return {HASH: self.digest, REVISION: str(self.number)}


class Revisions:
    """Keeps the ControllerRevisions of each Workspace."""

    def __init__(self, api: Api, cache: ObjectCache) -> None:
        self._api, self._cache = api, cache

    def of(self, key: Key, live: Mapping[str, Any]) -> Revision:
        """Return the revision of a live Workspace."""
        return revision_of(live, self._cache.of(key))

    def keep(self, key: Key, revision: Revision) -> None:
        """Make the revision's object, and delete the outdated one.

        Raises:
            ApiError: a write was refused or got lost.
        """
        if revision.create is not None:
            try:
                answer = self._api.apply(CONTROLLER_REVISIONS, revision.create)
                self._cache.put(answer, expected=answer)
            except ApiError as error:
                if error.code != INVALID:
                    raise
                log.warning("%s/%s: two revisions share a name: %s", *key, error.message)
        outdated = self._cache.get(key[0], revision.outdated) if revision.outdated is not None else None
        if outdated is not None:
            name, uid = outdated["metadata"]["name"], outdated["metadata"]["uid"]
            self._api.delete(CONTROLLER_REVISIONS, key[0], name, uid)
            self._cache.forget(key[0], name, uid)


def revision_of(live: Mapping[str, Any], known: Sequence[Object]) -> Revision:
    """Return the revision of a live Workspace, given the ControllerRevisions that are there; pure.

    What was written before and is written again keeps its number.
    """
    data = {part: live[part] for part in PARTS if part in live}
    digest = hashlib.sha256(json.dumps(data, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    for revision in known:
        if (revision["metadata"].get("annotations") or {}).get(HASH) == digest:
            number = revision["revision"]
            # One that lost its owner is applied with it, so that it goes with the Workspace.
            lost = not revision["metadata"].get("ownerReferences")
            return Revision(number, digest, _object(live, data, digest, number) if lost else None)
    number = max((revision["revision"] for revision in known), default=0) + 1
    oldest = min(known, key=lambda revision: int(revision["revision"]), default=None)
    outdated = oldest["metadata"]["name"] if oldest is not None and len(known) > KEPT else None
    return Revision(number, digest, _object(live, data, digest, number), outdated)


def _object(live: Mapping[str, Any], data: Object, digest: str, number: int) -> Object:
    metadata = live["metadata"]
    owner = {"apiVersion": V1BETA1, "kind": "Workspace", "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "apiVersion": CONTROLLER_REVISIONS.api_version,
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{metadata['name']}-{digest[:5]}",
            "namespace": metadata["namespace"],
            "labels": {REVISION_OWNER: metadata["name"]},
            "annotations": {HASH: digest},
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
        },
        "revision": number,
        "data": data,
    }
