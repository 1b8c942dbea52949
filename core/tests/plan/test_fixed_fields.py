"""Fields that stay as they were recorded, and the changes of them that are named."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.checking import SERVE, TUNE, edit, workspace_of

from llmwright.api.status import PlanRecord
from llmwright.errors import InvalidWorkspace
from llmwright.plan.fixed_fields import CarriedOut, carried_out, fixed_fields, settled_options
from llmwright.plugins.drivers import Context, Provisioner
from llmwright.provisioners.byo import ByoProvisioner
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner

CLOCK = Context(clock=lambda: datetime.now(UTC), name="karpenter")
KARPENTER = KarpenterProvisioner(CLOCK)
IMAGE_FAMILY = "metadata.annotations[kaito.sh/node-image-family]"
OPTIONS = {"mode": "nodeclaim", "capacityType": "on-demand"}


class Changeable(KarpenterProvisioner):
    """Lets its capacity type change while nodes are held."""

    mutable_options = frozenset({"capacityType"})


def recorded(data: dict[str, Any], provisioner: Provisioner = KARPENTER, name: str = "karpenter") -> PlanRecord:
    """Return the record of a plan for ``data``, as it comes back from a status."""
    workspace = workspace_of(data)
    options = {**OPTIONS, **workspace.resource.provisioner_config} if name == "karpenter" else {}
    record = PlanRecord(
        inputs="i",
        target="kubernetes",
        preset="small",
        provisioner=name,
        instance_type=workspace.resource.instance_type or None,
        fixed=fixed_fields(workspace, provisioner.fixed_annotations),
        options=options,
    )
    return PlanRecord.model_validate(json.loads(record.model_dump_json(by_alias=True, exclude_none=True)))


def edited(
    base: dict[str, Any],
    changes: dict[str, Any],
    provisioner: Provisioner = KARPENTER,
    name: str = "karpenter",
) -> CarriedOut:
    return carried_out(workspace_of(edit(base, changes)), recorded(base, provisioner, name), provisioner)


@pytest.mark.parametrize(
    ("base", "path", "value"),
    [
        (SERVE, "resource.count", 2),
        (SERVE, "resource.instanceType", "Small_T4"),
        (SERVE, "resource.labelSelector", {"matchLabels": {"apps": "other"}}),
        (SERVE, "resource.labelSelector", {"matchExpressions": [{"key": "apps", "operator": "Exists"}]}),
        (SERVE, "resource.partition", {"mode": "mig", "profile": "1g.10gb"}),
        (SERVE, "resource.provisioner", "byo"),
        (SERVE, "inference.preset", {"name": "large"}),
        (SERVE, "inference.preset", {"name": "small", "presetOptions": {"modelAccessSecret": "s"}}),
        (SERVE, IMAGE_FAMILY, "azurelinux"),
        (TUNE, "tuning.preset", {"name": "large"}),
        (TUNE, "tuning.method", "lora"),
        (TUNE, "tuning.methodConfig", {"lora": {"r": 8}}),
        (TUNE, "tuning.input.name", "other"),
    ],
)
def test_a_fixed_field_stays_and_is_named(base: dict[str, Any], path: str, value: Any) -> None:
    base = edit(base, {"resource.count": 1})
    carried = edited(base, {path: value})
    assert carried.workspace == workspace_of(base)
    (change,) = carried.unapplied
    assert (change.path.replace('"', ""), change.asked) == (path, value)
    assert change.runs != value
    assert not change.by_settings


@pytest.mark.parametrize("key", ["mode", "capacityType"])
def test_an_option_stays_and_is_named(key: str) -> None:
    base = edit(SERVE, {"resource.provisionerConfig": {"mode": "nodeclaim"}})
    asked = {"mode": "nodepool", "capacityType": "spot"}[key]
    carried = edited(base, {"resource.provisionerConfig": {"mode": "nodeclaim", key: asked}})
    assert carried.workspace == workspace_of(base)
    assert [str(change) for change in carried.unapplied] == [
        f'resource.provisionerConfig.{key} stays "{OPTIONS[key]}", the Workspace says "{asked}"'
    ]


def test_what_cannot_be_read_is_named_as_it_is_written() -> None:
    carried = edited(SERVE, {"resource.provisionerConfig": {"mode": "both", "nonsense": [1]}})
    assert carried.workspace == workspace_of(SERVE)
    assert [(change.path.rpartition(".")[2], change.asked) for change in carried.unapplied] == [
        ("mode", "both"),
        ("nonsense", [1]),
    ]


@pytest.mark.parametrize(
    ("base", "changes"),
    [
        (SERVE, {"resource.provisioner": "karpenter"}),
        (SERVE, {"resource.provisionerConfig": {"mode": "nodeclaim"}}),
        (edit(SERVE, {"resource.provisioner": "karpenter"}), {"resource.provisioner": ...}),
        (edit(SERVE, {"resource.provisionerConfig": {"mode": "nodeclaim"}}), {"resource.provisionerConfig": ...}),
        (SERVE, {"resource.instanceType": ...}),
        (
            SERVE,
            {"resource.labelSelector": {"matchExpressions": [{"key": "apps", "operator": "In", "values": ["ws"]}]}},
        ),
        (TUNE, {"tuning.method": "QLoRA"}),
    ],
)
def test_another_spelling_of_what_runs_is_no_change(base: dict[str, Any], changes: dict[str, Any]) -> None:
    carried = edited(base, changes)
    assert carried.unapplied == ()
    if "tuning.method" not in changes:
        assert carried.workspace == workspace_of(base)


def test_what_may_change_is_carried_out_beside_what_may_not() -> None:
    carried = edited(SERVE, {"inference.replicas": 3, "inference.runtime": "hf", "resource.provisioner": "byo"})
    assert carried.workspace == workspace_of(edit(SERVE, {"inference.replicas": 3, "inference.runtime": "hf"}))
    assert [change.path for change in carried.unapplied] == ["resource.provisioner"]


def test_an_option_that_the_driver_lets_change_is_carried_out() -> None:
    base = edit(SERVE, {"resource.provisionerConfig": {"mode": "nodeclaim", "capacityType": "on-demand"}})
    wanted = {"resource.provisionerConfig": {"mode": "nodepool", "capacityType": "spot"}}
    carried = edited(base, wanted, Changeable(CLOCK))
    assert carried.workspace.resource.provisioner_config == {"mode": "nodeclaim", "capacityType": "spot"}
    assert [change.path for change in carried.unapplied] == ["resource.provisionerConfig.mode"]
    settled = {"mode": "nodepool", "capacityType": "spot"}
    options, _ = settled_options(settled, wanted, recorded(base), Changeable.mutable_options)
    assert options == {"mode": "nodeclaim", "capacityType": "spot"}


@pytest.mark.parametrize("options", [{}, {"capacityType": "any"}])
def test_options_beside_another_provisioner_are_not_those_of_the_one_that_runs(options: dict[str, Any]) -> None:
    base = edit(SERVE, {"resource.provisionerConfig": {"mode": "nodeclaim", "capacityType": "spot"}})
    changes = {"resource.provisioner": "byo", "resource.provisionerConfig": options}
    carried = edited(base, changes, Changeable(CLOCK))
    assert carried.workspace.resource.provisioner_config == {"mode": "nodeclaim", "capacityType": "spot"}
    assert [change.path for change in carried.unapplied] == ["resource.provisioner"]


def test_another_default_moves_nothing_and_is_named() -> None:
    written = {"mode": "nodeclaim"}
    record = recorded(edit(SERVE, {"resource.provisionerConfig": written}))
    settled = {"mode": "nodeclaim", "capacityType": "spot"}
    options, changed = settled_options(settled, written, record, frozenset())
    assert options == {"mode": "nodeclaim", "capacityType": "on-demand"}
    assert [str(change) for change in changed] == [
        'resource.provisionerConfig.capacityType stays "on-demand", the settings say "spot"'
    ]
    assert changed[0].by_settings


def test_a_type_may_be_named_later_for_nodes_that_are_brought() -> None:
    bare = edit(SERVE, {"resource.instanceType": ...})
    carried = edited(bare, {"resource.instanceType": "Small_T4"}, ByoProvisioner(CLOCK), "byo")
    assert carried.unapplied == ()
    assert carried.workspace.resource.instance_type == "Small_T4"


@pytest.mark.parametrize(
    ("base", "changes", "path"),
    [
        (SERVE, {"inference": ..., "tuning": TUNE["tuning"]}, "inference"),
        (TUNE, {"tuning": ..., "inference": SERVE["inference"]}, "inference"),
        (SERVE, {"inference": {"template": {}}}, "inference.template"),
        (edit(SERVE, {"inference": {"template": {}}}), {"inference": SERVE["inference"]}, "inference.template"),
    ],
)
def test_another_purpose_is_refused_as_a_whole(base: dict[str, Any], changes: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidWorkspace) as refused:
        edited(base, changes)
    assert [(problem.path, problem.reason) for problem in refused.value.problems] == [(path, "Immutable")]


def test_a_record_of_an_earlier_version_keeps_the_provisioner() -> None:
    record = recorded(SERVE).model_copy(update={"fixed": {}, "options": {}})
    carried = carried_out(workspace_of(edit(SERVE, {"resource.provisioner": "byo"})), record, KARPENTER)
    assert carried.workspace.resource.provisioner == "karpenter"
    assert [change.path for change in carried.unapplied] == ["resource.provisioner"]
