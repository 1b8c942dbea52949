"""The driver: requests that cannot be met, and placement."""

from __future__ import annotations

import pytest
from plugins.provisioner_karpenter.tests.support.builders import (
    KWOK,
    SKU,
    ask,
    claim,
    decide,
    pool,
    pooled,
    seen,
    verbs,
)

from llmwright.testing import make_context, make_instance_type
from llmwright.testing.presets import NOW
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


def test_the_defaults_of_the_settings_are_written_into_a_settled_request() -> None:
    settings = {"mode": "nodepool", "capacityType": "spot", "nodeClassRef": KWOK}
    settled = KarpenterProvisioner(make_context(settings=settings)).settled(ask(config={"mode": "nodeclaim"}))
    wanted = {"mode": "nodeclaim", "capacityType": "spot", "nodeClassRef": {**KWOK, "name": "default"}}
    assert settled.config == wanted
    assert KarpenterProvisioner(make_context()).settled(settled) == settled


@pytest.mark.parametrize(
    ("config", "name"), [({}, "mine"), ({"nodeClassRef": {"group": "g", "kind": "k", "name": "named"}}, "named")]
)
def test_the_annotation_names_the_node_class_where_the_options_do_not(config: dict[str, object], name: str) -> None:
    driver = KarpenterProvisioner(make_context(settings={"nodeClassRef": KWOK}))
    settled = driver.settled(ask(config=config, annotations={"kaito.sh/node-class-name": "mine"}))
    assert settled.config["nodeClassRef"]["name"] == name


def test_what_the_other_mode_left_goes_once_this_one_is_ready() -> None:
    waiting = decide(ask(), seen(claim(ready=False), pool=pool()))
    assert ("delete-nodepool", pool().name) not in verbs(waiting)
    assert verbs(decide(ask(), seen(claim(), pool=pool()))) == [("delete-nodepool", pool().name)]
    assert verbs(decide(ask(), seen(claim(), pool=pool(deleting=NOW)))) == []
    both = pooled(claim("pooled"), claims=(claim(), claim("gone", deleting=NOW)))
    assert verbs(decide(ask("nodepool"), both)) == [("delete-nodeclaim", claim().name)]
