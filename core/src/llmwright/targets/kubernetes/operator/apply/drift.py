"""Whether a live object is as it was rendered; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from llmwright.plugins.declarations import MADE_ANEW

MANIFEST = "llmwright.io/manifest"
"""Annotation: digest of the rendered object that was applied last."""

NO_CONTENT = frozenset({"apiVersion", "kind", "metadata", "status"})
"""Fields of an object that are not its content."""

Object = Mapping[str, Any]


def fingerprint(desired: Object) -> str:
    """Return 16 hex digits of all that bears on what runs; annotations, with digests and numbers, do not.

    Nor does the number of a StatefulSet's pods: whatever it is, each of them runs the same.
    """
    if desired["kind"] == "StatefulSet" and "spec" in desired:
        spec = {name: value for name, value in desired["spec"].items() if name != "replicas"}
        desired = {**desired, "spec": spec}
    metadata = {name: value for name, value in desired["metadata"].items() if name != "annotations"}
    text = json.dumps({**desired, "metadata": metadata}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def marked(desired: Object) -> dict[str, Any]:
    """Return ``desired`` with its fingerprint as an annotation."""
    metadata = desired["metadata"]
    annotations = {**(metadata.get("annotations") or {}), MANIFEST: fingerprint(desired)}
    return {**desired, "metadata": {**metadata, "annotations": annotations}}


def is_rendered_alike(live: Object, desired: Object) -> bool:
    """Return whether ``desired`` is what was applied last."""
    return bool((live["metadata"].get("annotations") or {}).get(MANIFEST) == fingerprint(desired))


def cannot_become(live: Object, desired: Object) -> bool:
    """Return whether the controller of ``live`` would leave it as it is, although ``desired`` is another."""
    before, wanted = ((each["metadata"].get("annotations") or {}).get(MADE_ANEW) for each in (live, desired))
    # Where there is none, somebody took it away: a reason to put it back, and none to begin anew.
    return None not in (before, wanted) and before != wanted


def covers(live: Any, desired: Any) -> bool:
    """Return whether ``live`` has all of ``desired``; what the server or others added besides does not matter."""
    if live == desired:
        return True
    if isinstance(desired, Mapping):
        if not desired:
            return live is None or isinstance(live, Mapping)
        fields = live if isinstance(live, Mapping) else {}
        return all(covers(fields.get(name), value) for name, value in desired.items())
    if isinstance(desired, list | tuple):
        items = live if isinstance(live, list) else []
        return len(items) == len(desired) and all(map(covers, items, desired))
    if desired in (None, "", False, 0) and live is None:
        return True
    return _is_same_quantity(live, desired)


def has_drifted(live: Object, desired: Object, *, content: bool = True) -> bool:
    """Return whether ``live`` lacks labels, annotations or, where ``content`` counts, content of ``desired``."""
    parts = [name for name in desired if name not in NO_CONTENT] if content else []
    kept = covers(live["metadata"], desired["metadata"]) and all(
        covers(live.get(part), desired[part]) for part in parts
    )
    return not kept


def drift_digest(live: Object, desired: Object) -> str:
    """Return a digest of ``desired`` and of what ``live`` has instead.

    The cluster may keep an object otherwise than it was applied, as with fields that it does not know. Such an object
    is applied again only once this digest changes: else it would be applied with every pass.
    """
    metadata = {name: live["metadata"].get(name) for name in ("labels", "annotations")}
    parts = {name: live.get(name) for name in desired if name not in NO_CONTENT}
    text = json.dumps([fingerprint(desired), metadata, parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _is_same_quantity(live: Any, desired: Any) -> bool:
    """The API server rewrites quantities: ``1024Mi`` comes back as ``1Gi``."""
    from llmwright.catalogue.quantity import parse_bytes

    if not isinstance(live, str) or not isinstance(desired, str | int) or isinstance(desired, bool):
        return False
    try:
        return parse_bytes(live) == parse_bytes(str(desired))
    except ValueError:
        return False
