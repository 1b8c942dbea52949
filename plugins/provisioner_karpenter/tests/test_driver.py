"""The driver: requests that cannot be met, and placement."""

from __future__ import annotations

import pytest
from plugins.provisioner_karpenter.tests.support.builders import (
    SKU,
    ask,
    decide,
    seen,
)

from llmwright.testing import make_context, make_instance_type
from llmwright.values.nodes import Failed
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner
from llmwright_provisioner_karpenter.owned_objects import OwnedObjects

INVALID = {
    "no kinds": (ask(), OwnedObjects(served=False), "KarpenterMissing"),
    "no pools": (ask("nodepool"), OwnedObjects(pools_served=False), "KarpenterMissing"),
    "no machine": (ask(instance_type_name="", instance_type=None), OwnedObjects(), "NoInstanceType"),
    "a share": (ask(partition={"mode": "mig", "profile": "1g.10gb"}), OwnedObjects(), "NoPartition"),
    "long": (ask(workspace="w" * 64), OwnedObjects(), "NameTooLong"),
}


@pytest.mark.parametrize("case", INVALID)
def test_what_no_waiting_mends_fails(case: str) -> None:
    request, observed, reason = INVALID[case]
    decision = decide(request, observed)
    assert isinstance(decision.outcome, Failed)
    assert (decision.outcome.kind, decision.outcome.reason) == ("invalid", reason)
    assert decision.actions == ()


def test_a_cloud_without_a_node_class_needs_one() -> None:
    request = ask(config={}, instance_type=make_instance_type(name=SKU, cloud="gcp", gpus=1))
    outcome = decide(request, seen(), cloud="gcp").outcome
    assert isinstance(outcome, Failed)
    assert outcome.reason == "NoNodeClass"


def test_each_mode_has_its_own_placement() -> None:
    driver = KarpenterProvisioner(make_context())
    assert driver.placement(ask()).selector == {"kaito.sh/workspacenamespace": "ns", "kaito.sh/workspace": "ws"}
    assert driver.placement(ask("nodepool")).selector == {
        "karpenter.kaito.sh/workspace-namespace": "ns",
        "karpenter.kaito.sh/workspace-name": "ws",
    }
