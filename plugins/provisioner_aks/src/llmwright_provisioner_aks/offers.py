"""Whether Azure offers a size, and whether the quota has room for it, before a pool is asked for; pure.

Shapes are those of Compute's ``Resource Skus - List`` and ``Usage - List``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from llmwright_provisioner_aks.refusals import Refusal

SPOT_FAMILY = "lowPriorityCores"
REGION_FAMILY = "cores"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A size in a region: its quota's family, its cores, its zones, and why it is restricted there."""

    name: str
    family: str = ""
    cores: int = 0
    zones: frozenset[str] = frozenset()
    restricted: str = ""
    restricted_zones: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The quota of one family of sizes in a region, in cores."""

    family: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Nodes that are to be asked for. ``successor`` is None for a size that is not known to be retired."""

    size: str
    count: int
    location: str
    zones: tuple[str, ...] = ()
    spot: bool = False
    successor: str | None = None
    subscription: str = ""


def read_offer(item: Mapping[str, Any], location: str) -> Offer | None:
    """Read one element of the list of SKUs; None for one that is no virtual machine of ``location``."""
    places = {str(place).lower() for place in item.get("locations") or ()}
    if item.get("resourceType") != "virtualMachines" or location.lower() not in places:
        return None
    facts = {fact.get("name"): fact.get("value") for fact in item.get("capabilities") or ()}
    zones = [zone for info in item.get("locationInfo") or () for zone in info.get("zones") or ()]
    whole, closed = "", set()
    for restriction in item.get("restrictions") or ():
        about = restriction.get("restrictionInfo") or {}
        if restriction.get("type") == "Zone":
            closed |= set(about.get("zones") or ())
        elif restriction.get("type") == "Location":
            whole = restriction.get("reasonCode") or "restricted"
    return Offer(
        name=item.get("name") or "",
        family=item.get("family") or "",
        cores=_number(facts.get("vCPUs")),
        zones=frozenset(zones),
        restricted=whole,
        restricted_zones=frozenset(closed),
    )


def read_usage(item: Mapping[str, Any]) -> Usage:
    """Read one element of the list of usages."""
    name = (item.get("name") or {}).get("value") or ""
    return Usage(family=name, used=_number(item.get("currentValue")), limit=_number(item.get("limit")))


def offer_refusal(wish: Wish, offer: Offer | None) -> Refusal | None:
    """Return why the size cannot be had in that region and those zones; None where it can."""
    where = f"{wish.size} in {wish.location}"
    if offer is None:
        if wish.successor is not None:
            hint = f"name its successor {wish.successor}" if wish.successor else "name another size"
            return Refusal("retired", "InstanceTypeRetired", f"{where} is retired", hint)
        return Refusal("capacity", "SkuNotAvailable", f"Azure does not offer {where}", "name another size or region")
    if offer.restricted:
        hint = "ask Azure's support to enable it for the subscription, or name another size"
        return Refusal("capacity", "SkuNotAvailable", f"Azure does not offer {where}: {offer.restricted}", hint)
    open_zones = offer.zones - offer.restricted_zones
    closed = [zone for zone in wish.zones if zone not in open_zones]
    if closed:
        zones = ", ".join(sorted(open_zones)) or "none"
        message = f"Azure does not offer {where} in zone {', '.join(closed)}; it does in: {zones}"
        return Refusal("capacity", "SkuNotAvailable", message, "name those by provisionerConfig.zones, or none")
    return None


def quota_refusal(wish: Wish, offer: Offer, usages: Iterable[Usage]) -> Refusal | None:
    """Return which quota has no room for the nodes, None where all have; a quota that is not listed has."""
    known = {usage.family.lower(): usage for usage in usages}
    needed = offer.cores * wish.count
    for name in families_of(wish, offer):
        usage = known.get(name.lower())
        if usage is not None and needed > usage.limit - usage.used:
            return Refusal("quota", "QuotaExceeded", quota_text(wish, usage, needed), _raise(wish, usage, needed))
    return None


def families_of(wish: Wish, offer: Offer) -> tuple[str, ...]:
    """Return the quotas that the nodes count against: of their family and the region, or the one for spot."""
    return (SPOT_FAMILY,) if wish.spot else (offer.family, REGION_FAMILY)


def quota_text(wish: Wish, usage: Usage, needed: int) -> str:
    """Return which quota it is, and its figures beside what is needed."""
    return f"quota {usage.family} in {wish.location}: {figures_text(wish, usage, needed)}"


def figures_text(wish: Wish, usage: Usage, needed: int) -> str:
    """Return the figures of one quota beside what is needed."""
    return f"limit {usage.limit}, used {usage.used}; {wish.count} x {wish.size} needs {needed} cores"


def _raise(wish: Wish, usage: Usage, needed: int) -> str:
    """Return the line that raises the quota (Azure CLI's extension ``quota``)."""
    scope = f"/subscriptions/{wish.subscription}/providers/Microsoft.Compute/locations/{wish.location}"
    kind = "lowPriority" if wish.spot else "dedicated"
    return (
        f"raise it: az quota update --resource-name {usage.family} --scope {scope} "
        f"--limit-object value={usage.used + needed} --resource-type {kind}"
    )


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
