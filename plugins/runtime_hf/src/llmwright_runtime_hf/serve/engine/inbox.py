"""A queue to one thread that may end: nobody waits for what it will not read."""

from __future__ import annotations

import queue
import threading
from typing import Generic, TypeVar

_Item = TypeVar("_Item")


class Inbox(Generic[_Item]):
    """Items for one reader. Every method but ``get`` and ``close`` is callable from any thread."""

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._closing = threading.Lock()
        self._closed = False

    def __len__(self) -> int:
        return self._items.qsize()

    def put(self, item: _Item) -> bool:
        """Add an item. Return False, and leave it, once the reader has ended."""
        # Look and add under the lock: an item that came between the reader's last look and its end would lie for ever.
        with self._closing:
            if not self._closed:
                self._items.put(item)
            return not self._closed

    def get(self) -> _Item:
        """Wait for the next item."""
        return self._items.get()

    def close(self) -> list[_Item]:
        """Take no further item; return those that were not read."""
        with self._closing:
            self._closed = True
            return [self._items.get() for _ in range(len(self))]
