"""Shapes of Microsoft's published REST examples: the fields of their answers, and the JSON type of each.

Read from Azure/azure-rest-api-specs; each shape names file and commit. Of API version 2026-02-01 not every file was at hand: what only
2025-05-01 had is from there; the files of both have the same fields. They differ in the case of ``resourceGroups`` in ids, which ARM does not
mind. ``[]`` is any element of an array. Fields that only fill in what a request did not ask for here (outbound IPs, SSH keys, upgrade
settings) are left out.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass

AKS = "specification/containerservice/resource-manager/Microsoft.ContainerService/aks/stable/2025-05-01/examples"
NEWER = AKS.replace("2025-05-01", "2026-02-01")
COMPUTE = "specification/compute/resource-manager/Microsoft.Compute"


@dataclass(frozen=True)
class Example:
    """One answer of one example. ``sent`` are the properties of the request that it answers."""

    file: str
    commit: str
    status: int
    fields: tuple[tuple[str, type], ...]
    sent: tuple[str, ...] = ()


POOL = (
    ("id", str),
    ("name", str),
    ("properties.provisioningState", str),
    ("properties.count", int),
    ("properties.vmSize", str),
    ("properties.maxPods", int),
    ("properties.osType", str),
    ("properties.orchestratorVersion", str),
    ("properties.currentOrchestratorVersion", str),
)
SPOT = (
    ("type", str),
    ("properties.tags.name1", str),
    ("properties.nodeLabels.key1", str),
    ("properties.nodeTaints[]", str),
    ("properties.scaleSetPriority", str),
    ("properties.scaleSetEvictionPolicy", str),
)
SPOT_SENT = (
    "count",
    "vmSize",
    "osType",
    "tags",
    "nodeLabels",
    "nodeTaints",
    "scaleSetPriority",
    "scaleSetEvictionPolicy",
)
SCALED = ("enableAutoScaling", "minCount", "maxCount")

POOL_GET = Example(
    f"{NEWER}/AgentPoolsGet.json", "9a69dbbfe1adfc1dc7f2a0ef4fa374dadf8abf7b", 200,
    (*POOL, ("properties.eTag", str), ("properties.nodeImageVersion", str)),
)  # fmt: skip
POOL_LIST = Example(
    f"{AKS}/AgentPoolsList.json", "ea83a2a3e90ca3f0420e9d0ef55a811523541aba", 200,
    tuple((f"value[].{path}", kind) for path, kind in POOL_GET.fields),
)  # fmt: skip
SPOT_CREATED = Example(
    f"{AKS}/AgentPoolsCreate_Spot.json", "4c1ea6b6b4c8ff45a9337cd4b9429d3555e217ec", 201,
    (*POOL, *SPOT, ("properties.spotMaxPrice", int)), SPOT_SENT,
)  # fmt: skip
CREATED = Example(
    f"{AKS}/AgentPoolsCreate_Update.json", "ea83a2a3e90ca3f0420e9d0ef55a811523541aba", 201,
    (*POOL, *SPOT, ("properties.mode", str)), (*SPOT_SENT, "mode"),
)  # fmt: skip
UPDATED = Example(
    f"{NEWER}/AgentPools_Update.json", "b2f7419737799f321a271e9327d0b18417eed538", 200,
    (*POOL, ("type", str), ("properties.nodeTaints[]", str), ("properties.enableAutoScaling", bool),
     ("properties.minCount", int), ("properties.maxCount", int)),
    (*SCALED, "count", "nodeTaints"),
)  # fmt: skip
MIG_CREATED = Example(
    f"{AKS}/AgentPoolsCreate_GPUMIG.json", "b85c970dd1a0e695d218cf03fcceb8af3b8cf15c", 201,
    (*POOL, ("type", str), ("properties.gpuInstanceProfile", str)),
    ("count", "vmSize", "osType", "gpuInstanceProfile"),
)  # fmt: skip
RESERVED_CREATED = Example(
    f"{AKS}/AgentPoolsCreate_CRG.json", "b85c970dd1a0e695d218cf03fcceb8af3b8cf15c", 201,
    (*POOL, ("type", str), ("properties.capacityReservationGroupID", str)),
    ("count", "vmSize", "osType", "capacityReservationGroupID"),
)  # fmt: skip
CLUSTER_GET = Example(
    f"{NEWER}/ManagedClustersGet.json", "9a69dbbfe1adfc1dc7f2a0ef4fa374dadf8abf7b", 200,
    (
        ("id", str), ("location", str), ("name", str), ("type", str), ("eTag", str),
        ("properties.provisioningState", str), ("properties.maxAgentPools", int),
        ("properties.kubernetesVersion", str), ("properties.currentKubernetesVersion", str),
        ("properties.dnsPrefix", str), ("properties.fqdn", str), ("properties.nodeResourceGroup", str),
        ("properties.enableRBAC", bool), ("properties.networkProfile.networkPlugin", str),
        *((f"properties.agentPoolProfiles[].{name}", kind) for name, kind in (
            ("name", str), ("count", int), ("vmSize", str), ("maxPods", int), ("osType", str), ("eTag", str),
            ("provisioningState", str), ("orchestratorVersion", str), ("currentOrchestratorVersion", str),
            ("nodeImageVersion", str),
        )),
    ),
)  # fmt: skip
SKUS = Example(
    f"{COMPUTE}/Skus/stable/2021-07-01/examples/skus/ListAvailableResourceSkusForARegion.json",
    "dd68c545b43b91166baa3345006f29c301e8984b", 200,
    tuple((f"value[].{name}", str) for name in (
        "resourceType", "locations[]", "capabilities[].name", "capabilities[].value", "locationInfo[].location",
        "locationInfo[].zones[]", "name", "tier", "size", "family",
    )),
)  # fmt: skip
USAGES = Example(
    f"{COMPUTE}/ComputeRP/stable/2023-07-01/examples/computeRPCommonExamples/Usage_List_MaximumSet_Gen.json",
    "1fc7d717e7f0b4f991a1bb36e552281f09c1edab", 200,
    (("value[].unit", str), ("value[].currentValue", int), ("value[].limit", int),
     ("value[].name.value", str), ("value[].name.localizedValue", str)),
)  # fmt: skip
DELETED = Example(f"{NEWER}/AgentPoolsDelete.json", "f98176ac1d657839450d400fae689812d43014de", 202, ())
"""Answers with the header ``location`` and no body."""
