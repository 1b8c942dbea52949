"""What may change in a Workspace that is there, and what may not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.checking import INSTALLED, SERVE, TUNE, Check, edit

from llmwright.plugins.driver_set import DriverSet
from llmwright.testing import make_context
from llmwright.testing.fakes import FakeProvisioner
from llmwright.values.feature_gates import FeatureGates

BYO = FeatureGates({"disableNodeAutoProvisioning": True})


class Changeable(FakeProvisioner):
    """Lets one of its options change while nodes are held."""

    mutable_options = frozenset({"mutable"})


WITH_CHANGEABLE = DriverSet(
    INSTALLED.names,
    lambda kind, name: Changeable if (kind, name) == ("provisioner", "karpenter") else INSTALLED.get(kind, name),
    lambda *_: make_context(),
)


def errors(check: Check, new: dict[str, Any], old: dict[str, Any], **facts: Any) -> dict[str, str]:
    problems = check(new, old=old, **facts)
    return {problem.path: problem.reason for problem in problems if problem.severity == "error"}


@pytest.mark.parametrize(
    ("base", "changes", "expected"),
    [
        (SERVE, {}, {}),
        (SERVE, {"resource.count": 2}, {"resource.count": "Immutable"}),
        (SERVE, {"resource.instanceType": "Small_T4"}, {"resource.instanceType": "Immutable"}),
        (SERVE, {"resource.instanceType": ...}, {"resource.instanceType": "Required"}),
        (SERVE, {"resource.labelSelector": {"matchLabels": {"a": "b"}}}, {"resource.labelSelector": "Immutable"}),
        (
            SERVE,
            {"resource.labelSelector": {"matchExpressions": [{"key": "apps", "operator": "In", "values": ["ws"]}]}},
            {},
        ),
        (
            SERVE,
            {"resource.labelSelector": {"matchExpressions": [{"key": "apps", "operator": "Exists"}]}},
            {"resource.labelSelector": "NotSupported"},
        ),
        (SERVE, {"resource.partition": {"mode": "mig"}}, {"resource.partition": "Immutable"}),
        (SERVE, {"resource.provisioner": "byo"}, {"resource.provisioner": "Immutable"}),
        (SERVE, {"resource.provisioner": "karpenter"}, {}),
        (SERVE, {"resource.provisionerConfig": {"spot": True}}, {"resource.provisionerConfig.spot": "Immutable"}),
        (SERVE, {"resource.provisionerConfig": {"mutable": True}}, {}),
        (SERVE, {"inference": ...}, {"inference": "Immutable"}),
        (SERVE, {"inference": ..., "tuning": TUNE["tuning"]}, {"inference": "Immutable", "tuning": "Immutable"}),
        (SERVE, {"inference.preset.name": "image"}, {"inference.preset": "Immutable"}),
        (SERVE, {"inference.template": {}}, {"inference.template": "Immutable"}),
        (SERVE, {"inference.runtime": "hf", "inference.replicas": 2, "inference.config": "c"}, {}),
        (SERVE, {"inference.adapters": [{"source": {"name": "a", "image": "r.io/a:1"}}]}, {}),
        (
            SERVE,
            {"inference.adapters": [{"source": {"name": "A", "image": "r.io/A:1"}, "strength": "2"}]},
            {
                "inference.adapters[0].source.name": "BadName",
                "inference.adapters[0].source.image": "BadImage",
                "inference.adapters[0].strength": "OutOfRange",
            },
        ),
        (
            SERVE,
            {"inference.adapters": [{"source": {"urls": ["https://a.b/c"]}, "strength": "strong"}]},
            {
                "inference.adapters[0].source.name": "Required",
                "inference.adapters[0].source": "Required",
                "inference.adapters[0].source.urls": "NotSupported",
                "inference.adapters[0].strength": "OutOfRange",
            },
        ),
        (TUNE, {"tuning.method": "QLORA"}, {}),
        (TUNE, {"tuning.method": "lora"}, {"tuning.method": "Immutable"}),
        (TUNE, {"tuning.methodConfig": {"a": 1}}, {"tuning.methodConfig": "Immutable"}),
        (TUNE, {"tuning.preset.name": "image"}, {"tuning.preset": "Immutable"}),
        (TUNE, {"tuning.input.name": "new"}, {"tuning.input.name": "Immutable"}),
        (TUNE, {"tuning.input.urls": ["https://example.com/other"]}, {}),
        (TUNE, {"tuning.input.urls": ["http://10.0.0.1/"]}, {"tuning.input.urls[0]": "BadUrl"}),
        (TUNE, {"tuning.input.image": "r.io/UPPER:1"}, {"tuning.input.image": "BadImage"}),
        (TUNE, {"tuning.input": ...}, {"tuning.input": "Required"}),
        (TUNE, {"tuning.output.image": "r.io/other:2"}, {}),
        (TUNE, {"tuning.output.image": "r.io/UPPER:2"}, {"tuning.output.image": "BadImage"}),
        (TUNE, {"tuning.output": ...}, {"tuning.output": "Required"}),
        (TUNE, {"tuning.onSuccess": "release", "tuning.ttlSecondsAfterFinished": 5}, {}),
    ],
)
def test_changes(check: Check, base: dict[str, Any], changes: dict[str, Any], expected: dict[str, str]) -> None:
    facts: dict[str, Any] = {"provisioner": "karpenter", "installed": WITH_CHANGEABLE}
    assert errors(check, edit(base, changes), base, **facts) == expected


def test_defaults_are_no_change(check: Check) -> None:
    bare = edit(SERVE, {"apiVersion": "kaito.sh/v1alpha1", "resource.instanceType": ...})
    written = edit(bare, {"resource.instanceType": "Standard_NC24ads_A100_v4", "resource.count": 1})
    assert errors(check, written, bare) == {}
    assert errors(check, bare, written) == {}
    assert errors(check, edit(bare, {"resource.instanceType": "x"}), bare) == {"resource.instanceType": "Immutable"}


def test_where_nodes_are_brought_the_type_may_only_go(check: Check) -> None:
    bare = edit(SERVE, {"resource.instanceType": ...})
    assert errors(check, bare, SERVE, gates=BYO) == {}
    assert errors(check, SERVE, SERVE, gates=BYO) == {}
    assert errors(check, SERVE, bare, gates=BYO) == {"resource.instanceType": "NotAllowed"}
    other = edit(SERVE, {"resource.instanceType": "Small_T4"})
    assert errors(check, other, SERVE, gates=BYO) == {"resource.instanceType": "Immutable"}


def test_streaming_stays(check: Check) -> None:
    off = edit(SERVE, {"metadata.annotations[kaito.sh/model-streaming]": "disabled"})
    path = 'metadata.annotations["kaito.sh/model-streaming"]'
    assert errors(check, off, SERVE, gates=FeatureGates({"ModelStreaming": True})) == {path: "Immutable"}
    assert errors(check, off, SERVE) == {}


def test_what_a_new_one_would_be_refused_for_is_a_warning(check: Check) -> None:
    odd = edit(SERVE, {"inference.preset.name": "gone"})
    problems = check(odd, old=odd)
    assert [(problem.path, problem.severity) for problem in problems] == [("inference.preset.name", "warning")]


UNPLANNED: dict[str, Any] = {}
PLANNED = {"plan": {"inputs": "i", "target": "kubernetes", "preset": "small", "provisioner": "karpenter"}}
IMAGE_FAMILY = "metadata.annotations[kaito.sh/node-image-family]"


@pytest.mark.parametrize(
    ("base", "before", "after", "path"),
    [
        (SERVE, {"resource.provisioner": "karpenter"}, {"resource.provisioner": "byo"}, "resource.provisioner"),
        (
            SERVE,
            {"resource.provisionerConfig": {"mode": "nodeclaim"}},
            {"resource.provisionerConfig": {"mode": "nodepool"}},
            "resource.provisionerConfig.mode",
        ),
        (TUNE, {"tuning.methodConfig": {}}, {"tuning.methodConfig": {"lora": {"r": 4}}}, "tuning.methodConfig"),
    ],
)
def test_what_is_ours_may_change_until_a_plan_is_on_record(
    check: Check, base: dict[str, Any], before: dict[str, Any], after: dict[str, Any], path: str
) -> None:
    old, new = edit(base, before), edit(base, after)
    facts: dict[str, Any] = {"provisioner": "karpenter"}
    assert errors(check, new, {**old, "status": UNPLANNED}, **facts) == {}
    for status in (PLANNED, None):
        found = errors(check, new, {**old, "status": status} if status else old, **facts)
        assert {name.replace('"', ""): reason for name, reason in found.items()} == {path: "Immutable"}


def test_an_annotation_of_the_nodes_may_be_written_and_warns(check: Check) -> None:
    """KAITO takes it."""
    old, new = edit(SERVE, {IMAGE_FAMILY: "ubuntu"}), edit(SERVE, {IMAGE_FAMILY: "azurelinux"})
    problems = check(new, old={**old, "status": PLANNED}, provisioner="karpenter")
    assert [(problem.path.replace('"', ""), problem.severity) for problem in problems] == [(IMAGE_FAMILY, "warning")]
    assert check(new, old={**old, "status": UNPLANNED}, provisioner="karpenter") == ()


def test_the_provisioner_on_record_counts_and_not_a_default_that_changed(check: Check) -> None:
    old = {**SERVE, "status": PLANNED}
    assert errors(check, edit(SERVE, {"resource.provisioner": "karpenter"}), old, provisioner="byo") == {}
    wrong = errors(check, edit(SERVE, {"resource.provisioner": "byo"}), old, provisioner="byo")
    assert wrong == {"resource.provisioner": "Immutable"}
    assert errors(check, edit(SERVE, {"inference.replicas": 2}), old, provisioner="byo") == {}
