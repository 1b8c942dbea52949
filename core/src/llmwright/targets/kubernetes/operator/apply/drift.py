"""Whether a live object is as it was rendered; pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

MANIFEST = "llmwright.io/manifest"
"""Annotation: digest of the rendered object that was applied last."""

APART = frozenset({"apiVersion", "kind", "metadata", "status"})
"""Fields of an object that are not its content."""

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
    if live == wanted:
        return True
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
    return _is_same_quantity(live, wanted)


def keeps(live: Object, wanted: Object, *, spec: bool = True) -> bool:
    """Whether ``live`` has the labels, annotations and content of ``wanted``; without ``spec``, the former alone."""
    parts = (name for name in wanted if name not in APART) if spec else ()
    return covers(live["metadata"], wanted["metadata"]) and all(covers(live.get(part), wanted[part]) for part in parts)


class Otherwise:
    """Objects that the cluster keeps otherwise than they were applied, as with fields that it does not know.

    They are not applied again and again: only once one of the two is another than it was.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, ...], str] = {}

    def note(self, found: Object, wanted: Object) -> None:
        """The server answered ``found`` when ``wanted`` was applied."""
        if keeps(found, wanted):
            self._known.pop(_place(wanted), None)
        else:
            self._known[_place(wanted)] = _both(found, wanted)

    def is_known(self, live: Object, wanted: Object) -> bool:
        """Whether it is as the server left it when the same was applied."""
        return self._known.get(_place(wanted)) == _both(live, wanted)


def _place(wanted: Object) -> tuple[str, ...]:
    about = wanted["metadata"]
    return wanted["apiVersion"], wanted["kind"], about["namespace"], about["name"]


def _both(live: Object, wanted: Object) -> str:
    about = {name: live["metadata"].get(name) for name in ("labels", "annotations")}
    parts = {name: live.get(name) for name in wanted if name not in APART}
    text = json.dumps([fingerprint(wanted), about, parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _is_same_quantity(live: Any, wanted: Any) -> bool:
    """The API server rewrites quantities: ``1024Mi`` comes back as ``1Gi``."""
    from llmwright.catalogue.quantity import parse_bytes

    if not isinstance(live, str) or not isinstance(wanted, str | int) or isinstance(wanted, bool):
        return False
    try:
        return parse_bytes(live) == parse_bytes(str(wanted))
    except ValueError:
        return False
