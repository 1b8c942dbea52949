"""Whether a live object is as it was rendered; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

MANIFEST = "modelwright.io/manifest"
"""Annotation: digest of the rendered object that was applied last."""

Object = Mapping[str, Any]


def fingerprint(rendered: Object) -> str:
    """16 hex digits of all that bears on what runs; digests and numbers kept in annotations do not."""
    metadata = {name: value for name, value in rendered["metadata"].items() if name != "annotations"}
    text = json.dumps({**rendered, "metadata": metadata}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def marked(rendered: Object) -> dict[str, Any]:
    """``rendered`` with its fingerprint."""
    metadata = rendered["metadata"]
    annotations = {**(metadata.get("annotations") or {}), MANIFEST: fingerprint(rendered)}
    return {**rendered, "metadata": {**metadata, "annotations": annotations}}


def is_rendered_alike(live: Object, rendered: Object) -> bool:
    """Whether ``rendered`` is what was applied last."""
    return bool((live["metadata"].get("annotations") or {}).get(MANIFEST) == fingerprint(rendered))


def covers(live: Any, wanted: Any) -> bool:
    """Whether ``live`` has all that ``wanted`` says; what the server or others added besides does not matter."""
    if isinstance(wanted, Mapping):
        if not wanted:
            return live is None or isinstance(live, Mapping)
        found = live if isinstance(live, Mapping) else {}
        return all(covers(found.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list | tuple):
        found_items = live if isinstance(live, list) else []
        return len(found_items) == len(wanted) and all(map(covers, found_items, wanted))
    if wanted in (None, "", False, 0) and live is None:
        return True
    return bool(live == wanted) or _is_same_quantity(live, wanted)


def _is_same_quantity(live: Any, wanted: Any) -> bool:
    """The API server rewrites quantities: ``1024Mi`` comes back as ``1Gi``."""
    from modelwright.catalogue.quantity import parse_bytes

    if not isinstance(live, str) or not isinstance(wanted, str | int) or isinstance(wanted, bool):
        return False
    try:
        return parse_bytes(live) == parse_bytes(str(wanted))
    except ValueError:
        return False
