"""Shapes of Microsoft's published REST examples: the fields of their answers, and the JSON type of each.

Read from Azure/azure-rest-api-specs; each shape names file and commit. The agent pools' files are those of the API version 2025-05-01,
the newest whose examples were at hand. ``[]`` is any element of an array. Fields of examples that only fill in what a request did not ask
for here (outbound IPs, SSH keys, upgrade settings) are left out.
"""  # noqa: E501

from __future__ import annotations

from dataclasses import dataclass

AKS = "specification/containerservice/resource-manager/Microsoft.ContainerService/aks/stable/2025-05-01/examples"
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
    f"{AKS}/AgentPoolsGet.json", "04e0cf193a2ab45e98f378057d40826ea802fc0f", 200,
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
    f"{AKS}/AgentPools_Update.json", "ea83a2a3e90ca3f0420e9d0ef55a811523541aba", 200,
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
    f"{AKS}/ManagedClustersGet.json", "15f38e5b507c1875212fabd59839498f3a6e2015", 200,
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
DELETED = Example(f"{AKS}/AgentPoolsDelete.json", "a5fde1916e12d65c5ff55469128cf4e9a935e782", 202, ())
"""Answers with the header ``location`` and no body."""
