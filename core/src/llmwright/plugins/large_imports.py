"""Import torch, transformers and what builds on them in less time."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause Python's garbage collector, for imports within it.

    An import makes hundreds of thousands of objects that stay, and the collector looks through them again and again.
    Load no weights within it: a tensor in a cycle would stay until its end.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
