"""Refusals and failures as ARM, AKS and Azure Compute word them.

Sources of the words, as public reports quote them: Azure/AKS issues 1413, 2119, 4522, 5808; cilium/cilium 25944; Azure/terraform-azurerm-aks
604; Azure/AKS-Construction 701; kaito-project/kaito 2075; MicrosoftDocs/azure-docs 105248; rancher/rancher 11473; langchain-ai/terraform 261; Azure/gpu-provisioner's instance.go;
learn.microsoft.com 'Troubleshoot the Throttled error code (429)'.
The texts for a stopped cluster, for a full cluster and for refused spot and autoscaling settings are derived from their kind, not quoted:
read their codes.
"""  # noqa: E501

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tests.arm.support.wire import ArmError

PENDING = "please wait for it to finish before starting a new operation. See https://aka.ms/aks-pending-operation for more details"  # noqa: E501
RESTRICTIVE = "Allocation failed. VM(s) with the following constraints cannot be allocated, because the condition is too restrictive. Please remove some constraints and try again. Constraints applied are:\n"  # noqa: E501


def busy_pool(name: str, state: str) -> ArmError:
    """Another operation runs on an agent pool."""
    text = f"Operation is not allowed: Another agentpool operation ({name} - {state}) is in progress, {PENDING}"
    return ArmError(409, "OperationNotAllowed", text, bare=True)


def creating() -> ArmError:
    """The pool is being made; gpu-provisioner looks for these words."""
    text = "Operation is not allowed because there's an in progress create node pool operation"
    return ArmError(409, "OperationNotAllowed", text, bare=True)


def busy_cluster(state: str) -> ArmError:
    """Another operation runs on the cluster."""
    text = f"Operation is not allowed: Another operation ({state}) is in progress, {PENDING}"
    return ArmError(409, "OperationNotAllowed", text, bare=True)


def stopped(verb: str) -> ArmError:
    """The cluster is stopped."""
    text = f"managed cluster is in Provisioning State(Succeeded) and Power State(Stopped), {verb} cannot be performed"
    return ArmError(409, "OperationNotAllowed", text, bare=True)


def etag_mismatch() -> ArmError:
    """Two writers met at the resource provider."""
    detail = {"code": "Unspecified", "message": "rpc error: code = FailedPrecondition desc = Etag mismatched"}
    text = "Operation is not allowed: Another operation is in progress"
    return ArmError(409, "EtagMismatch", text, details=(detail,), bare=True)


def precondition() -> ArmError:
    """The If-Match or If-None-Match of the request does not hold."""
    return ArmError(412, "PreconditionFailed", "The precondition given in the request header does not hold.", bare=True)


def preempted(name: str) -> ArmError:
    """A delete took the place of the operation."""
    text = f"Failed to save agent pool {name} ... This operation has been preempted by Deleting operation."
    return ArmError(409, "OriginalEtagNotExpect", text)


def invalid(parameter: str, reason: str) -> ArmError:
    """A parameter of the agent pool is out of bounds."""
    text = f"The value of parameter agentPoolProfile.{parameter} is invalid. Error details: {reason}"
    return ArmError(400, "InvalidParameter", text, target=f"agentPoolProfile.{parameter}", bare=True)


def immutable(name: str) -> ArmError:
    """A property of an existing agent pool was to change."""
    text = f"Changing property 'properties.{name}' is not allowed."
    return ArmError(400, "PropertyChangeNotAllowed", text, target=f"properties.{name}", bare=True)


def too_many_pools(limit: int) -> ArmError:
    """The cluster has as many agent pools as it may have."""
    text = f"The managed cluster has reached the maximum number of agent pools ({limit})."
    return ArmError(400, "MaxAgentPoolCountReached", text, target="agentPoolProfiles", bare=True)


def last_system_pool() -> ArmError:
    """The last pool of mode System may not go."""
    text = "There has to be at least one system agent pool."
    return ArmError(400, "MustDefineAtLeastOneSystemPool", text, bare=True)


def size_not_allowed(pool: str, location: str) -> ArmError:
    """The machine is not offered to this subscription in this region."""
    text = f"The VM size of AgentPoolProfile:{pool} is not allowed in your subscription in location '{location}'. For more details, please visit https://aka.ms/aks/quotas-skus-regions"  # noqa: E501
    return ArmError(400, "BadRequest", text, bare=True)


def sku_not_available(size: str, location: str) -> ArmError:
    """Compute has no such machine there for this subscription."""
    text = f"The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: {size}' is currently not available in location '{location}'. Please try another size or deploy to a different location or different zone. See https://aka.ms/azureskunotavailable for details."  # noqa: E501
    return ArmError(409, "SkuNotAvailable", text)


def zones_not_supported(zones: list[str], size: str, location: str, offered: list[str]) -> ArmError:
    """The machine is not offered in one of the zones."""
    text = f"Preflight validation check for resource(s) failed. The zone(s) '{','.join(zones)}' for resource '{size}' is not supported. The supported zones for location '{location}' are '{','.join(offered)}'"  # noqa: E501
    return ArmError(400, "AvailabilityZoneNotSupported", text, target="properties.availabilityZones", bare=True)


def quota_refused(family: str, location: str, requested: int, remaining: int) -> ArmError:
    """AKS sees before it accepts that the vCPUs of the family do not suffice."""
    text = f"Insufficient vcpu quota requested {requested}, remaining {remaining} for family {family} for region {location}. Surge nodes would also consume vcpu quota. Please consider use smaller VM SKU, or request vcpu quota increase. See https://aka.ms/aks/vcpu-quota"  # noqa: E501
    return ArmError(400, "ErrCode_InsufficientVCPUQuota", text, bare=True)


def quota_exceeded(family: str, location: str, limit: int, usage: int, required: int) -> ArmError:
    """Compute refuses the scale set of an accepted pool."""
    text = f"Operation could not be completed as it results in exceeding approved {family} Cores quota. Additional details - Deployment Model: Resource Manager, Location: {location}, Current Limit: {limit}, Current Usage: {usage}, Additional Required: {required}, (Minimum) New Limit Required: {usage + required}. Setup Alerts when Quota reaches threshold. Learn more at https://aka.ms/quotamonitoringalerting . Submit a request for Quota increase at https://aka.ms/ProdportalCRP"  # noqa: E501
    return ArmError(409, "QuotaExceeded", text)


def no_capacity(size: str, zones: list[str], spot: bool) -> ArmError:
    """The region, or the zone, has no such machine free now."""
    if spot:
        return ArmError(409, "OverconstrainedAllocationRequest", f"{RESTRICTIVE}  - Low Priority VMs\n  - VM Size\n")
    if zones:
        text = "Allocation failed. We do not have sufficient capacity for the requested VM size in this zone. Read more about improving likelihood of allocation success at https://aka.ms/allocation-guidance"  # noqa: E501
        return ArmError(409, "ZonalAllocationFailed", text)
    text = f"Allocation failed. We do not have sufficient capacity for the requested VM size in this region ({size}). Read more about improving likelihood of allocation success at https://aka.ms/allocation-guidance"  # noqa: E501
    return ArmError(409, "AllocationFailed", text)


def subnet_refused(needed: int, free: int, subnet: str) -> ArmError:
    """AKS sees before it accepts that the subnet has too few addresses."""
    text = f"Pre-allocated IPs {needed} exceeds IPs available {free} in Subnet Cidr 10.240.0.0/24, Subnet Name {subnet}. If Autoscaler is enabled, the max-count from each nodepool is counted towards this total (which means that pre-allocated IPs count represents a theoretical max value, not the actual number of IPs requested). http://aka.ms/aks/insufficientsubnetsize"  # noqa: E501
    return ArmError(400, "InsufficientSubnetSize", text, target="agentPoolProfile.count", bare=True)


def subnet_full(needed: int, subnet: str) -> ArmError:
    """The network refuses the scale set of an accepted pool."""
    text = f"Subnet {subnet} with address prefix 10.240.0.0/24 does not have enough capacity for {needed} IP addresses."
    return ArmError(400, "SubnetIsFull", text)


def pool_not_found() -> ArmError:
    """No such agent pool."""
    return ArmError(404, "NotFound", "Agent Pool not found", bare=True)


def not_found(kind: str, name: str, group: str) -> ArmError:
    """ARM knows no such resource."""
    text = f"The Resource '{kind}/{name}' under resource group '{group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
    return ArmError(404, "ResourceNotFound", text)


def denied(client: str, action: str, scope: str) -> ArmError:
    """The identity lacks a permission."""
    text = f"The client '{client}' with object id '{client}' does not have authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."  # noqa: E501
    return ArmError(403, "AuthorizationFailed", text)


def expired(tenant: str, code: str, message: str, challenge: str = 'error="invalid_token"') -> ArmError:
    """The bearer token is missing, past its time or revoked."""
    header = f'Bearer authorization_uri="https://login.windows.net/{tenant}", {challenge}'
    return ArmError(401, code, message, headers={"WWW-Authenticate": header})


def throttled(subscription: str, method: str, after_s: float) -> ArmError:
    """Too many requests of one kind: the client has to wait for ``Retry-After`` seconds."""
    seconds = str(max(1, math.ceil(after_s)))
    text = f"Number of requests for subscription '{subscription}' and operation '{method}' exceeded the backend storage limit. Please try again after '{seconds}' seconds."  # noqa: E501
    kind = {"GET": "reads", "DELETE": "deletes"}.get(method, "writes")
    headers = {f"x-ms-ratelimit-remaining-subscription-{kind}": "0", "x-ms-failure-cause": "gateway"}
    return ArmError(429, "SubscriptionRequestsThrottled", text, headers={"Retry-After": seconds, **headers})


def throttled_by_aks(subscription: str, kind: str, after_s: float) -> ArmError:
    """Too many requests of one kind for the resource provider of AKS."""
    resource, _, verb = kind.partition(".")
    handler = f"{verb.capitalize()}{'AgentPool' if resource == 'pools' else 'ManagedCluster'}Handler"
    seconds = str(max(1, math.ceil(after_s)))
    text = f"The {handler}.{verb.upper()} request limit has been exceeded for SubID='{subscription}', please retry again in {seconds} seconds. For more information, please visit aka.ms/aks/throttling"  # noqa: E501
    return ArmError(429, "Throttled", text, bare=True, headers={"Retry-After": seconds})


def server_error(status: int = 500) -> ArmError:
    """Something of Azure's own broke."""
    codes: Mapping[int, str] = {500: "InternalServerError", 502: "BadGateway", 503: "ServiceUnavailable"}
    text = "The server encountered an internal error, please retry. If the problem persists, contact support."
    return ArmError(status, codes.get(status, "GatewayTimeout"), text)


def reconcile_failed(error: ArmError) -> dict[str, Any]:
    """Return the error of an operation that Compute failed, as AKS passes it on."""
    return {**error.inner, "details": [error.inner]}


EXAMPLES: dict[str, ArmError] = {
    "OperationNotAllowed": busy_pool("pool", "Updating"),
    "OperationNotAllowedCluster": busy_cluster("Upgrading"),
    "EtagMismatch": etag_mismatch(),
    "ErrCode_InsufficientVCPUQuota": quota_refused("StandardNCADSA100v4Family", "eastus", 24, 0),
    "QuotaExceeded": quota_exceeded("StandardNCADSA100v4Family", "eastus", 24, 24, 24),
    "AllocationFailed": no_capacity("Standard_NC24ads_A100_v4", [], spot=False),
    "ZonalAllocationFailed": no_capacity("Standard_NC24ads_A100_v4", ["1"], spot=False),
    "OverconstrainedAllocationRequest": no_capacity("Standard_NC24ads_A100_v4", [], spot=True),
    "SkuNotAvailable": sku_not_available("Standard_NC24ads_A100_v4", "eastus"),
    "InsufficientSubnetSize": subnet_refused(31, 5, "nodes"),
    "SubnetIsFull": subnet_full(31, "nodes"),
    "InternalServerError": server_error(500),
    "ServiceUnavailable": server_error(503),
}
"""One of each kind, by its code."""
