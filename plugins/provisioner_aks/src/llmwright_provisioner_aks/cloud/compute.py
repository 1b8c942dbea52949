"""Compute's sizes and quotas of the cluster's region, asked before a pool is, and kept for a while.

Plain GETs through the pipeline of the cluster's client: azure-mgmt-compute is 14 MB and 100 ms more for two requests.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from llmwright_provisioner_aks.cloud.connection import Connection
from llmwright_provisioner_aks.offers import Offer, Usage, read_offer, read_usage

SKUS = (
    "/subscriptions/{subscription}/providers/Microsoft.Compute/skus"
    "?api-version=2021-07-01&$filter=location%20eq%20%27{location}%27"
)
USAGES = "/subscriptions/{subscription}/providers/Microsoft.Compute/locations/{location}/usages?api-version=2024-07-01"
OFFERS_S, USAGES_S = 3600.0, 60.0
"""Seconds for which sizes and quotas are kept. Sizes change by the month; quotas with every machine."""

MOST_PAGES = 100


class Compute:
    """The sizes that Compute offers in the cluster's region, and how much of the quotas is used."""

    def __init__(self, connection: Connection, clock: Callable[[], datetime]) -> None:
        self._connection, self._clock = connection, clock
        self._lock = threading.Lock()
        self._offers: tuple[datetime, dict[str, Offer]] | None = None
        self._usages: tuple[datetime, tuple[Usage, ...]] | None = None

    def offer(self, size: str) -> Offer | None:
        """Return the size as it is offered in the region; None for one that is not.

        Raises:
            TargetError: Compute refused.
        """
        with self._lock:
            if self._offers is None or self._old(self._offers[0], OFFERS_S):
                location = self._connection.cluster().location
                offers = [read_offer(item, location) for item in self._pages(SKUS, "sizes")]
                self._offers = self._clock(), {each.name.lower(): each for each in offers if each is not None}
            return self._offers[1].get(size.lower())

    def usages(self) -> tuple[Usage, ...]:
        """Return the quotas of the region and what is used of them.

        Raises:
            TargetError: Compute refused.
        """
        with self._lock:
            if self._usages is None or self._old(self._usages[0], USAGES_S):
                self._usages = self._clock(), tuple(read_usage(item) for item in self._pages(USAGES, "quotas"))
            return self._usages[1]

    def count_in(self, families: Collection[str], cores: int) -> None:
        """Count cores that were just asked for into the quotas that are kept: Azure's figures show them later."""
        with self._lock:
            if self._usages is not None:
                since, usages = self._usages
                taken = {family.lower() for family in families}
                self._usages = (
                    since,
                    tuple(
                        replace(usage, used=usage.used + cores) if usage.family.lower() in taken else usage
                        for usage in usages
                    ),
                )

    def _old(self, since: datetime, limit_s: float) -> bool:
        return not 0 <= (self._clock() - since).total_seconds() < limit_s

    def _pages(self, path: str, what: str) -> Iterator[Mapping[str, Any]]:
        cluster = self._connection.cluster()
        url = path.format(subscription=cluster.subscription, location=cluster.location)
        for _ in range(MOST_PAGES):
            page = self._connection.get(url, f"reading the {what} of {cluster.location}")
            yield from page.get("value") or ()
            url = page.get("nextLink") or ""
            if not url:
                return
