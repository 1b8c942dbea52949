"""Token buckets: ARM's, for reads, writes and deletes of a subscription, and those of AKS behind it.

Sources: 'Understand how Azure Resource Manager throttles requests' (250 reads refilled by 25 a second, 200 writes and deletes by 10), and
'Throttling limits on AKS resource provider APIs' of learn.microsoft.com.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Bucket:
    """Requests that may come at once, and how many more each second."""

    size: float
    refill_per_s: float
    _left: float = -1
    _at: datetime | None = None

    def take(self, now: datetime) -> float:
        """Return 0 where the request may pass, else the seconds after which it might."""
        passed = (now - self._at).total_seconds() if self._at else 0.0
        self._left = self.size if self._at is None else min(self.size, self._left + passed * self.refill_per_s)
        self._at = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self.refill_per_s

    @property
    def left(self) -> int:
        """Return how many more requests may come now."""
        return int(self.size if self._at is None else self._left)


class Rate:
    """ARM's buckets of one subscription; ``refill_per_s`` is that of all three where it is given."""

    def __init__(
        self, reads: float = 250, writes: float = 200, deletes: float = 200, refill_per_s: float | None = None
    ) -> None:
        self._buckets = {
            "GET": Bucket(reads, refill_per_s or 25),
            "DELETE": Bucket(deletes, refill_per_s or 10),
            "PUT": Bucket(writes, refill_per_s or 10),
        }

    def take(self, method: str, now: datetime) -> float:
        """Return 0 where the request may pass, else the seconds after which it might."""
        return self._buckets.get(method, self._buckets["PUT"]).take(now)

    def left(self, method: str) -> int:
        """Return how many more requests may come now."""
        return self._buckets.get(method, self._buckets["PUT"]).left


LIMITS = {
    "clusters.get": (60, 1),
    "clusters.list": (60, 1),
    "pools.put": (20, 1 / 60),
    "operations.get": (200, 2),
}
"""Size and refill a second, for each cluster, group, agent pool and subscription."""
OTHERS = (60, 1)


@dataclass
class ProviderRate:
    """The buckets of AKS: one for each resource and kind of request, and one for all other kinds together."""

    limits: dict[str, tuple[float, float]] = field(default_factory=lambda: dict(LIMITS))
    others: tuple[float, float] = OTHERS
    _buckets: dict[tuple[str, str], Bucket] = field(default_factory=dict)

    def take(self, kind: str, path: str, now: datetime) -> float:
        """Return 0 where the request may pass, else the seconds after which it might."""
        if kind in ("usages.list", "skus.list", "unknown"):
            return 0.0
        limit = self.limits.get(kind)
        key = (kind, "" if kind == "operations.get" else path.lower()) if limit else ("others", "")
        return self._buckets.setdefault(key, Bucket(*(limit or self.others))).take(now)
