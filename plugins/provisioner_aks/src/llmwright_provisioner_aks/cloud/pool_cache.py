"""The cluster's agent pools as they were last seen: Azure's list, and what later answers told of single pools.

A list may be older than the answer to a write that was made before it. For a while the answer wins.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from llmwright_provisioner_aks.attempts import SETTLE_S
from llmwright_provisioner_aks.seen_pools import DELETING, SeenCluster, read_pool

Item = Mapping[str, Any]

MOVING_S = 55.0
"""Age at which the list is asked for again while one of our pools changes, or nodes of one are missing."""

RESTING_S = 300.0
"""Age at which it is asked for again while all rests: only somebody else's hand changes pools then."""


@dataclass
class PoolCache:
    """The pools by name, as JSON; ``listed`` is when the list was asked for, ``written`` when a write was answered.

    ``doubted`` says that what is there is not known, ``hurried`` that it may have changed. ``refused`` are pools that
    Azure refused to make when they were asked for last, ``populated`` those being deleted that still had nodes.
    """

    items: dict[str, Item] = field(default_factory=dict)
    listed: datetime | None = None
    doubted: bool = False
    hurried: bool = False
    written: dict[str, datetime] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    populated: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def is_due(self, now: datetime) -> bool:
        """Whether Azure has to be asked: nothing is known, a write was not answered, or it is too long ago."""
        with self.lock:
            if self.listed is None or self.doubted:
                return True
            age_s = (now - self.listed).total_seconds()
            return not 0 <= age_s < (MOVING_S if self.hurried or self._moves() else RESTING_S)

    def fill(self, items: Iterable[Item], began: datetime) -> None:
        """Take over a list that was asked for at ``began``."""
        listed = {str(item["name"]): item for item in items}
        with self.lock:
            late = {name for name, at in self.written.items() if began < at + timedelta(seconds=SETTLE_S)}
            for name in late:
                kept, seen = self.items.get(name), listed.get(name)
                if kept is not None and (seen is None or _is_stale(seen, kept)):
                    if seen is None and read_pool(kept).deleting:
                        continue
                    listed[name] = kept
            self.written = {name: self.written[name] for name in late}
            self.populated &= listed.keys()
            self.items, self.listed, self.doubted, self.hurried = listed, began, False, False

    def write(self, name: str, item: Item, now: datetime) -> None:
        """Take over a pool as the answer to a write shows it."""
        with self.lock:
            self.items[name], self.written[name] = item, now

    def leave(self, name: str, now: datetime) -> None:
        """Mark a pool whose deletion was accepted."""
        with self.lock:
            item = self.items.get(name)
            if item is not None:
                properties = {**(item.get("properties") or {}), "provisioningState": DELETING}
                self.items[name], self.written[name] = {**item, "properties": properties}, now

    def doubt(self) -> None:
        """Have the list asked for again: what is there is not known."""
        with self.lock:
            self.doubted = True

    def hurry(self) -> None:
        """Have the list asked for as soon as while pools change."""
        with self.lock:
            self.hurried = True

    def emptied(self, going: Mapping[str, int]) -> frozenset[str]:
        """Return those of the pools being deleted that had nodes at an earlier call and have none now.

        ``going`` has the number of nodes of each.
        """
        with self.lock:
            self.populated |= {name for name, count in going.items() if count}
            return frozenset(name for name, count in going.items() if not count and name in self.populated)

    def look(self, names: Iterable[str]) -> None:
        """Have the list asked for at once, and not again for the same pools."""
        with self.lock:
            self.populated.difference_update(names)
            self.doubted = True

    def item(self, name: str) -> Item | None:
        """Return one pool; None where none of that name is known."""
        with self.lock:
            return self.items.get(name)

    def refuse(self, name: str, refused: bool) -> None:
        """Remember whether Azure refused to make a pool when it was asked for last."""
        with self.lock:
            (self.refused.add if refused else self.refused.discard)(name)

    def cluster(self) -> SeenCluster:
        """Return all pools as values."""
        with self.lock:
            pools = tuple(read_pool(self.items[name]) for name in sorted(self.items))
            return SeenCluster(pools, frozenset(self.refused), self.listed)

    def _moves(self) -> bool:
        pools = map(read_pool, self.items.values())
        return any(pool.busy or pool.failed for pool in pools if pool.owner is not None)


def _is_stale(seen: Item, kept: Item) -> bool:
    """Whether a listed pool is from before a deletion that was accepted."""
    return read_pool(kept).deleting and not read_pool(seen).deleting
