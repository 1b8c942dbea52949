"""Agent pools that AKS refuses before it accepts them, by the rules of its documentation.

Sources: the property descriptions of the REST API 2026-08-01 (count, zones, spot, autoscaling, immutables), and the pages 'Quotas and
regions' (100 pools, 1000 nodes a pool), 'Use node labels' (reserved prefixes), 'Add a spot node pool', 'Multi-instance GPU', and
'Tag resources' (names without < > % & \\ ? /, 50 a resource) of learn.microsoft.com.
"""  # noqa: E501

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from tests.arm.support import arm_errors
from tests.arm.support.machines import Sku
from tests.arm.support.wire import Json

NAME = re.compile(r"[a-z][a-z0-9]{0,11}")
TAINT = re.compile(r"[A-Za-z0-9]([\w./-]*[A-Za-z0-9])?(=[\w.-]*)?:(NoSchedule|PreferNoSchedule|NoExecute)")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?")
LABEL_KEY = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?")
RESERVED = ("kubernetes.azure.com/", "kubernetes.io/")
TAG_LETTERS = frozenset("<>%&\\?/")
OS_SKUS = ("Ubuntu", "AzureLinux", "AzureLinux3", "CBLMariner", "Ubuntu2204", "Ubuntu2404", "AzureContainerLinux")
MIG = ("MIG1g", "MIG2g", "MIG3g", "MIG4g", "MIG7g")
IMMUTABLE = (
    "vmSize", "osType", "osDiskSizeGB", "osDiskType", "kubeletDiskType", "type", "availabilityZones", "vnetSubnetID",
    "podSubnetID", "maxPods", "scaleSetPriority", "scaleSetEvictionPolicy", "spotMaxPrice", "gpuInstanceProfile",
    "gpuProfile", "capacityReservationGroupID", "enableFIPS", "hostGroupID", "proximityPlacementGroupID",
)  # fmt: skip
Rule = Callable[[Json], Iterator[tuple[str, str]]]


def check_pool(name: str, wanted: Json, sku: Sku | None, location: str) -> None:
    """Raise the refusal of a new pool, or return."""
    if not NAME.fullmatch(name):
        reason = "Agent pool name must start with a lowercase letter, have max length of 12, and only have characters a-z0-9. See https://aka.ms/aks-naming-rules"  # noqa: E501
        raise arm_errors.invalid("name", reason)
    for rule in RULES:
        for parameter, reason in rule(wanted):
            raise arm_errors.invalid(parameter, reason)
    if sku is None or not sku.offered(location):
        raise arm_errors.size_not_allowed(name, location)
    _check_zones(wanted, sku, location)
    if wanted.get("gpuInstanceProfile") and not sku.mig:
        raise arm_errors.invalid("gpuInstanceProfile", f"VM size {sku.name} does not support multi-instance GPU.")


def check_change(old: Json, wanted: Json) -> None:
    """Raise the refusal of a change of an existing pool, or return."""
    for name in IMMUTABLE:
        if wanted.get(name) != old.get(name):
            raise arm_errors.immutable(name)


def _check_zones(wanted: Json, sku: Sku, location: str) -> None:
    zones = wanted.get("availabilityZones") or []
    offered = sku.free_zones(location)
    if not set(zones) <= set(offered):
        raise arm_errors.zones_not_supported(sorted(set(zones) - set(offered)), sku.name, location, offered)


def _types(wanted: Json) -> Iterator[tuple[str, str]]:
    kinds: dict[str, type | tuple[type, ...]] = {
        "vmSize": str, "count": int, "minCount": int, "maxCount": int, "maxPods": int, "osDiskSizeGB": int,
        "nodeLabels": dict, "tags": dict, "nodeTaints": list, "availabilityZones": list, "spotMaxPrice": (int, float),
    }  # fmt: skip
    for name, kind in kinds.items():
        value = wanted.get(name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            yield name, f"cannot read a {type(value).__name__}."
    if not wanted.get("vmSize"):
        yield "vmSize", "VM size is required."


def _counts(wanted: Json) -> Iterator[tuple[str, str]]:
    least = 1 if wanted["mode"] == "System" else 0
    if not least <= wanted["count"] <= 1000:
        yield "count", f"The count has to be between {least} and 1000 for a pool of mode {wanted['mode']}."
    if not 10 <= wanted["maxPods"] <= 250:
        yield "maxPods", "The maximum of pods a node has to be between 10 and 250."
    if not 30 <= wanted["osDiskSizeGB"] <= 2048:
        yield "osDiskSizeGB", "The OS disk has to be between 30 and 2048 GB."


def _autoscaling(wanted: Json) -> Iterator[tuple[str, str]]:
    bounds = wanted.get("minCount"), wanted.get("maxCount")
    if not wanted["enableAutoScaling"]:
        if bounds != (None, None):
            yield "enableAutoScaling", "minCount and maxCount need enableAutoScaling."
        return
    if None in bounds:
        yield "minCount", "minCount and maxCount are required with enableAutoScaling."
        return
    least, most = int(bounds[0] or 0), int(bounds[1] or 0)
    if not (1 if wanted["mode"] == "System" else 0) <= least <= most <= 1000 or most < 1:
        yield "minCount", f"minCount {least} and maxCount {most} are out of order or of bounds."
    elif not least <= wanted["count"] <= most:
        yield "count", f"The count has to be between minCount {least} and maxCount {most}."


def _spot(wanted: Json) -> Iterator[tuple[str, str]]:
    priority = wanted.get("scaleSetPriority", "Regular")
    if priority not in ("Spot", "Regular"):
        yield "scaleSetPriority", f"{priority} is neither Spot nor Regular."
    price = wanted.get("spotMaxPrice")
    if priority == "Spot":
        if wanted["mode"] == "System":
            yield "scaleSetPriority", "A pool of mode System cannot be a spot pool."
        if wanted["scaleSetEvictionPolicy"] not in ("Delete", "Deallocate"):
            yield "scaleSetEvictionPolicy", f"{wanted['scaleSetEvictionPolicy']} is neither Delete nor Deallocate."
        if price is not None and price != -1 and price <= 0:
            yield "spotMaxPrice", "The price has to be -1 or greater than zero."
        if wanted.get("capacityReservationGroupID"):
            yield "capacityReservationGroupID", "A spot pool cannot use a capacity reservation group."
        if (wanted.get("upgradeSettings") or {}).get("maxSurge"):
            yield "upgradeSettings.maxSurge", "A spot pool cannot have max surge."
        return
    if price not in (None, -1):
        yield "spotMaxPrice", "The price can be set for spot pools only."
    if wanted.get("scaleSetEvictionPolicy") not in (None, "Delete"):
        yield "scaleSetEvictionPolicy", "The eviction policy can be set for spot pools only."


def _words(wanted: Json) -> Iterator[tuple[str, str]]:
    words: dict[str, tuple[str, ...]] = {
        "osType": ("Linux", "Windows"),
        "mode": ("System", "User", "Gateway"),
        "type": ("VirtualMachineScaleSets", "AvailabilitySet", "VirtualMachines"),
        "osSKU": OS_SKUS,
        "osDiskType": ("Managed", "Ephemeral"),
        "gpuInstanceProfile": (*MIG, ""),
    }  # fmt: skip
    for name, known in words.items():
        if wanted.get(name, known[0]) not in known:
            yield name, f"{wanted[name]} is none of {', '.join(word for word in known if word)}."
    if wanted.get("availabilityZones") and wanted["type"] != "VirtualMachineScaleSets":
        yield "availabilityZones", "Zones can be set for virtual machine scale sets only."
    driver = (wanted.get("gpuProfile") or {}).get("driver", "Install")
    if driver not in ("Install", "None"):
        yield "gpuProfile.driver", f"{driver} is neither Install nor None."


def _labels(wanted: Json) -> Iterator[tuple[str, str]]:
    for key, value in (wanted.get("nodeLabels") or {}).items():
        if key == "kubernetes.azure.com/scalesetpriority" and wanted.get("scaleSetPriority") == "Spot":
            continue
        if key.startswith(RESERVED):
            yield "nodeLabels", f"The prefix of label {key} is reserved."
        if not LABEL_KEY.fullmatch(key) or not LABEL_VALUE.fullmatch(str(value)):
            yield "nodeLabels", f"Label {key}={value} is not a valid Kubernetes label."
    for taint in wanted.get("nodeTaints") or ():
        if not TAINT.fullmatch(taint):
            yield "nodeTaints", f"{taint} is not of the form key=value:NoSchedule, :PreferNoSchedule or :NoExecute."


def _tags(wanted: Json) -> Iterator[tuple[str, str]]:
    tags: dict[str, Any] = wanted.get("tags") or {}
    if len(tags) > 50:
        yield "tags", "A resource can have 50 tags."
    for name, value in tags.items():
        if not 1 <= len(name) <= 512 or len(str(value)) > 256 or TAG_LETTERS & set(name):
            yield "tags", f"Tag {name} has a letter or a length that tags cannot have."


RULES: tuple[Rule, ...] = (_types, _words, _counts, _autoscaling, _spot, _labels, _tags)
