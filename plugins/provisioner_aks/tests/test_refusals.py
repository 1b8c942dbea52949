from __future__ import annotations

import pytest
from tests.arm.support import arm_errors
from tests.arm.support.wire import ArmError

from llmwright.values.nodes import FailureKind
from llmwright_provisioner_aks.refusals import refusal_of
from llmwright_provisioner_aks.seen_pools import AzureError

E = arm_errors
SIZE = "Standard_NC24ads_A100_v4"
ROWS: list[tuple[ArmError, FailureKind | None, str]] = [
    (E.busy_pool("p", "Creating"), None, "OperationInProgress"),
    (E.busy_cluster("Updating"), None, "OperationInProgress"),
    (E.busy_cluster("Upgrading"), None, "ClusterUpgrading"),
    (E.stopped("putting agent pools"), None, "ClusterStopped"),
    (E.etag_mismatch(), None, "OperationInProgress"),
    (E.precondition(), None, "OperationInProgress"),
    (E.preempted("p"), None, "OperationInProgress"),
    (E.too_many_pools(100), None, "TooManyPools"),
    (E.throttled("s", "PUT", 5), None, "Throttled"),
    (E.quota_refused("f", "eastus", 24, 0), "quota", "QuotaExceeded"),
    (E.quota_exceeded("f", "eastus", 24, 24, 24), "quota", "QuotaExceeded"),
    (E.no_capacity(SIZE, [], spot=False), "capacity", "InsufficientCapacity"),
    (E.no_capacity(SIZE, ["1"], spot=False), "capacity", "InsufficientCapacity"),
    (E.no_capacity(SIZE, [], spot=True), "capacity", "InsufficientCapacity"),
    (E.sku_not_available(SIZE, "eastus"), "capacity", "SkuNotAvailable"),
    (E.size_not_allowed("p", "eastus"), "capacity", "SkuNotAvailable"),
    (E.zones_not_supported(["3"], SIZE, "eastus", ["1"]), "capacity", "SkuNotAvailable"),
    (E.subnet_refused(31, 5, "nodes"), "invalid", "SubnetFull"),
    (E.subnet_full(31, "nodes"), "invalid", "SubnetFull"),
    (E.denied("c", "Microsoft.ContainerService/managedClusters/agentPools/write", "/s"), "auth", "AuthorizationFailed"),
    (E.expired("t", "InvalidAuthenticationToken", "the token is invalid"), "auth", "AuthenticationFailed"),
    (E.not_found("Microsoft.ContainerService/managedClusters", "prod", "rg"), "invalid", "ClusterNotFound"),
    (E.immutable("vmSize"), "invalid", "InvalidRequest"),
    (E.invalid("count", "x"), "invalid", "InvalidRequest"),
    (E.server_error(503), None, "PoolFailed"),
]


@pytest.mark.parametrize(("error", "kind", "reason"), ROWS, ids=lambda value: getattr(value, "code", value))
def test_each_refusal_of_azure_s_has_its_meaning(error: ArmError, kind: FailureKind | None, reason: str) -> None:
    refusal = refusal_of(AzureError(error.code, error.message), error.status)
    assert (refusal.kind, refusal.reason) == (kind, reason)
    assert error.message[:40] in refusal.message


def test_a_missing_right_is_named_with_its_scope() -> None:
    error = E.denied("c", "Microsoft.ContainerService/managedClusters/agentPools/write", "/subscriptions/s")
    hint = refusal_of(AzureError(error.code, error.message), 403).hint
    assert "it lacks Microsoft.ContainerService/managedClusters/agentPools/write on /subscriptions/s" in hint


def test_a_long_message_is_cut_and_an_empty_one_is_said_so() -> None:
    assert len(refusal_of(AzureError("X", "y" * 9000)).message) < 500
    assert refusal_of(AzureError()).message == "Azure gave no reason"
