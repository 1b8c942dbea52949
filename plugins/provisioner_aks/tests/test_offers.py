from __future__ import annotations

from typing import Any

import pytest
from tests.arm.support.machines import skus

from llmwright_provisioner_aks.offers import Offer, Usage, Wish, offer_refusal, quota_refusal, read_offer, read_usage

SIZE = "Standard_NC24ads_A100_v4"


def wish(**changes: Any) -> Wish:
    return Wish(**{"size": SIZE, "count": 2, "location": "eastus", "subscription": "s", **changes})


def offered(**restriction: Any) -> Offer:
    sku = skus()[SIZE]
    if restriction:
        sku.restrict("eastus", **restriction)
    offer = read_offer(sku.wire("eastus"), "EastUS")
    assert offer is not None
    return offer


def test_a_size_is_read_as_compute_lists_it() -> None:
    offer = offered()
    assert (offer.name, offer.cores, offer.zones) == (SIZE, 24, frozenset("123"))
    assert offer_refusal(wish(zones=("1", "3")), offer) is None
    assert read_offer({"resourceType": "disks", "locations": ["eastus"]}, "eastus") is None
    assert read_offer(skus()[SIZE].wire("westus2"), "eastus") is None


@pytest.mark.parametrize(
    ("offer", "changes", "kind", "text"),
    [
        (None, {}, "capacity", "does not offer"),
        (None, {"successor": "Standard_B"}, "retired", "retired"),
        (offered(reason="NotAvailableForSubscription"), {}, "capacity", "NotAvailableForSubscription"),
        (offered(zones=("2",)), {"zones": ("1", "2")}, "capacity", "in zone 2; it does in: 1, 3"),
    ],
)
def test_a_size_that_cannot_be_had_is_told(offer: Offer | None, changes: dict[str, Any], kind: str, text: str) -> None:
    refusal = offer_refusal(wish(**changes), offer)
    assert refusal is not None
    assert refusal.kind == kind
    assert text in refusal.message
    assert changes.get("successor", "") in refusal.hint


def usage(family: str, used: int, limit: int) -> Usage:
    return read_usage({"name": {"value": family}, "currentValue": used, "limit": limit, "unit": "Count"})


def test_a_quota_without_room_is_told_with_the_line_that_raises_it() -> None:
    family = offered().family
    usages = [usage(family.upper(), 49, 96), usage("cores", 49, 1000), usage("lowPriorityCores", 0, 48)]
    refusal = quota_refusal(wish(), offered(), usages)
    assert refusal is not None
    assert "limit 96, used 49; 2 x Standard_NC24ads_A100_v4 needs 48 cores" in refusal.message
    assert "--limit-object value=97" in refusal.hint
    assert quota_refusal(wish(count=1), offered(), usages) is None
    assert quota_refusal(wish(spot=True), offered(), usages) is None
    spot = quota_refusal(wish(spot=True, count=3), offered(), usages)
    assert spot is not None
    assert "lowPriority" in spot.hint


def test_the_region_s_quota_counts_too() -> None:
    refusal = quota_refusal(wish(), offered(), [usage("cores", 90, 100)])
    assert refusal is not None
    assert "quota cores in eastus" in refusal.message
