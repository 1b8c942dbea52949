"""The Plan of a pod template of the user's own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.support.planning import PLAIN

from llmwright.api.document import Document, parse_workspace
from llmwright.api.workspace import Workspace
from llmwright.catalogue.catalogue import Catalogue
from llmwright.errors import LimitExceeded
from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.decision import Start
from llmwright.lifecycle.observed import Observed, Workload
from llmwright.plan.template import template_plan
from llmwright.settings.model import Limits, Settings
from llmwright.targets.kubernetes.operator.observe.observer import adopted
from llmwright.values.nodes import Node, ProvisionerDecision, Ready

A100 = "Standard_NC24ads_A100_v4"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TEMPLATE = {"spec": {"containers": [{"name": "own", "image": "registry.example/own:1"}]}}


def workspace(**resource: object) -> Workspace:
    parts = {"resource": {"instanceType": A100, **resource}, "inference": {"template": TEMPLATE}}
    document = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": "ws"}, **parts}
    return parse_workspace(Document(document))


def test_machines_are_bought_for_a_template_as_written(catalogue: Catalogue) -> None:
    plan = template_plan(workspace(count=2), catalogue=catalogue, drivers=PLAIN, settings=Settings())
    assert (plan.nodes.count, plan.nodes.instance_type_name, plan.provisioner.name) == (2, A100, "karpenter")
    assert plan.cost is not None
    assert plan.cost.usd_per_hour == 2 * 3.673
    settled = template_plan(workspace(count=2), catalogue=catalogue, drivers=PLAIN, settings=Settings(), nodes=1)
    assert settled.nodes.count == 1


@pytest.mark.parametrize("limits", [Limits(nodes=1), Limits(instance_types=("other",)), Limits(usd_per_hour=4)])
def test_limits_hold_for_templates_too(catalogue: Catalogue, limits: Limits) -> None:
    with pytest.raises(LimitExceeded):
        template_plan(workspace(count=2), catalogue=catalogue, drivers=PLAIN, settings=Settings(limits=limits))


def test_a_template_is_started_once_and_never_again(catalogue: Catalogue) -> None:
    asked = workspace()
    plan = template_plan(asked, catalogue=catalogue, drivers=PLAIN, settings=Settings())
    ready = ProvisionerDecision(outcome=Ready((Node(name="one"),)))
    first = decide(asked, plan, adopted(asked, plan, Observed(provision=ready)), None, NOW)
    assert [action.role for action in first.actions if isinstance(action, Start)] == ["serving"]
    there = Observed(provision=ready, serving=Workload(phase="ready", endpoint="http://ws"))
    changed = replace(plan, inputs="changed")
    after = decide(asked, changed, adopted(asked, changed, there), first.status, NOW)
    assert after.actions == ()
    condition = after.status.condition("Ready")
    assert condition is not None
    assert condition.status == "True"
