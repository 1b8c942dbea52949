"""The fields of a log line that tell of which Workspace and pass it is, for every line written during a pass."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from llmwright.targets.kubernetes.cluster.object_cache import Key

_NONE: Mapping[str, str] = {}
_current: ContextVar[Mapping[str, str]] = ContextVar("pass", default=_NONE)


def pass_fields() -> Mapping[str, str]:
    """Return ``namespace``, ``name`` and ``reconcileID`` of the pass that runs in this thread; empty outside of one."""
    return _current.get()


@contextmanager
def pass_over(key: Key) -> Iterator[None]:
    """Have all lines tell of one pass over the Workspace ``key``; the pass gets an id of its own."""
    token = _current.set({"namespace": key[0], "name": key[1], "reconcileID": str(uuid.uuid4())})
    try:
        yield
    finally:
        _current.reset(token)
