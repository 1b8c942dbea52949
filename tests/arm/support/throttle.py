"""ARM's token buckets, one for reads, writes and deletes each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Rate:
    """How many requests of a kind may come at once, and how many are allowed again each second."""

    reads: float = 250
    writes: float = 200
    deletes: float = 200
    refill_per_s: float = 10
    _left: dict[str, float] = field(default_factory=dict)
    _at: datetime | None = None

    def take(self, method: str, now: datetime) -> float:
        """Return 0 where the request may pass, else the seconds after which it might."""
        kind = {"GET": "reads", "DELETE": "deletes"}.get(method, "writes")
        sizes = {"reads": self.reads, "writes": self.writes, "deletes": self.deletes}
        passed = (now - self._at).total_seconds() if self._at else 0.0
        self._at = now
        self._left = {
            name: min(size, self._left.get(name, size) + passed * self.refill_per_s) for name, size in sizes.items()
        }
        if self._left[kind] >= 1:
            self._left[kind] -= 1
            return 0.0
        return (1 - self._left[kind]) / self.refill_per_s

    def left(self, method: str) -> int:
        """Return how many more requests may come now."""
        return int(self._left.get({"GET": "reads", "DELETE": "deletes"}.get(method, "writes"), 0))
