"""The region's machines, as Compute lists them, and what the subscription may have of each family.

vCPUs, GPUs, memory and family names are those of Azure's size pages; zones are made up.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.arm.support.wire import Json

REGIONS = ("eastus", "westus2")


@dataclass
class Sku:
    """One VM size. ``restrictions`` are as Compute's list has them."""

    name: str
    family: str
    vcpus: int
    memory_gb: float
    gpus: int = 0
    zones: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict.fromkeys(REGIONS, ("1", "2", "3")))
    restrictions: list[Json] = field(default_factory=list)
    mig: bool = False

    def restrict(self, location: str, zones: tuple[str, ...] = (), reason: str = "NotAvailableForSubscription") -> None:
        """Keep the size from this subscription in a location, or in some of its zones."""
        self.restrictions.append(
            {
                "type": "Zone" if zones else "Location",
                "values": [location],
                "restrictionInfo": {"locations": [location], **({"zones": [*zones]} if zones else {})},
                "reasonCode": reason,
            }
        )

    def offered(self, location: str) -> bool:
        """Return whether this subscription may have it in ``location``."""
        refused = [rule for rule in self.restrictions if rule["type"] == "Location" and location in rule["values"]]
        return location in self.zones and not refused

    def free_zones(self, location: str) -> list[str]:
        """Return the zones of ``location`` in which this subscription may have it."""
        taken = {
            zone
            for rule in self.restrictions
            if rule["type"] == "Zone" and location in rule["values"]
            for zone in rule["restrictionInfo"]["zones"]
        }
        return [zone for zone in self.zones.get(location, ()) if zone not in taken]

    def wire(self, location: str) -> Json:
        """Return the entry of Compute's list for ``location``."""
        capabilities = {"vCPUs": self.vcpus, "MemoryGB": self.memory_gb, "PremiumIO": True, "LowPriorityCapable": True}
        if self.gpus:
            capabilities["GPUs"] = self.gpus
        return {
            "resourceType": "virtualMachines",
            "name": self.name,
            "tier": "Standard",
            "size": self.name.removeprefix("Standard_"),
            "family": self.family,
            "locations": [location],
            "locationInfo": [{"location": location, "zones": [*self.zones[location]], "zoneDetails": []}],
            "capabilities": [{"name": name, "value": str(value)} for name, value in capabilities.items()],
            "restrictions": [rule for rule in self.restrictions if location in rule["values"]],
        }


@dataclass
class Quota:
    """What the subscription may have of a family, in vCPUs a region; ``used_elsewhere`` is not ours."""

    limit: int
    used_elsewhere: int = 0


def skus() -> dict[str, Sku]:
    """Return the sizes by name."""
    table = [
        Sku("Standard_D4s_v5", "standardDSv5Family", 4, 16),
        Sku("Standard_D16s_v5", "standardDSv5Family", 16, 64),
        Sku("Standard_NC4as_T4_v3", "Standard NCASv3_T4 Family", 4, 28, 1),
        Sku("Standard_NC8as_T4_v3", "Standard NCASv3_T4 Family", 8, 56, 1),
        Sku("Standard_NC64as_T4_v3", "Standard NCASv3_T4 Family", 64, 440, 4),
        Sku("Standard_NV36ads_A10_v5", "StandardNVADSA10v5Family", 36, 440, 1),
        Sku("Standard_NC24ads_A100_v4", "StandardNCADSA100v4Family", 24, 220, 1, mig=True),
        Sku("Standard_NC48ads_A100_v4", "StandardNCADSA100v4Family", 48, 440, 2, mig=True),
        Sku("Standard_NC96ads_A100_v4", "StandardNCADSA100v4Family", 96, 880, 4, mig=True),
        Sku("Standard_ND96asr_v4", "standardNDASv4_A100Family", 96, 900, 8, mig=True),
        Sku("Standard_NC40ads_H100_v5", "StandardNCadsH100v5Family", 40, 320, 1, mig=True),
        Sku("Standard_ND96isr_H100_v5", "standardNDSH100v5Family", 96, 1900, 8, mig=True),
    ]
    return {sku.name: sku for sku in table}


def quotas() -> dict[str, Quota]:
    """Return a wide quota for each family, and for all cores and spot cores of the region."""
    families = {sku.family for sku in skus().values()} | {"cores", "lowPriorityCores"}
    return {family: Quota(100_000) for family in sorted(families)}
