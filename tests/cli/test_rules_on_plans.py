"""A rule judges the plan too, with machine and cost, before anything is bought: `plan`, `render`, `apply`, operator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.support.command import Run
from tests.support.declared import Declare

from llmwright.api.workspace import Workspace
from llmwright.app.cluster_planner import ClusterPlanner
from llmwright.app.session import Session
from llmwright.errors import InvalidWorkspace
from llmwright.settings import Settings

SERVE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: phi}
resource: {instanceType: Standard_NC24ads_A100_v4, labelSelector: {matchLabels: {apps: x}}, provisioner: karpenter}
inference: {preset: {name: phi-4-mini-instruct}}
"""
RULE = """\
from llmwright.errors import Problem
from llmwright.plugins import hookimpl

@hookimpl
def check_workspace(workspace, plan):
    yield Problem("metadata", "is looked at", severity="warning")
    if plan is not None and plan.cost is not None:
        yield Problem("resource.instanceType", f"costs {plan.cost.usd_per_hour:.2f}", severity="SEVERITY")
"""
Write = Callable[..., Path]


def declare_rule(declared: Declare, severity: str) -> None:
    module = f"acme_budget_{severity}"
    code = {f"{module}.py": RULE.replace("SEVERITY", severity)}
    declared("acme-rules", {"llmwright.hooks.v1": {"acme-rules": module}}, code)


@pytest.mark.parametrize("verb", ["plan", "render"])
def test_a_plan_that_a_rule_refuses_is_none(run: Run, written: Write, declared: Declare, verb: str) -> None:
    declare_rule(declared, "error")
    ran = run(verb, "-f", written(SERVE, "phi.yaml"), "--target", "kubernetes")
    assert (ran.code, ran.out) == (2, "")
    assert "phi.yaml:4:12: resource.instanceType: costs 3.67 (said by acme-rules 1.0)" in ran.err


def test_its_warnings_are_said_once(run: Run, written: Write, declared: Declare) -> None:
    declare_rule(declared, "warning")
    ran = run("plan", "-f", written(SERVE), "--target", "kubernetes")
    assert ran.code == 0, ran
    assert ((ran.out + ran.err).count("is looked at"), (ran.out + ran.err).count("costs 3.67")) == (1, 1)


def test_before_there_is_a_plan_it_judges_what_is_written(run: Run, written: Write, declared: Declare) -> None:
    declare_rule(declared, "error")
    ran = run("check", "-f", written(SERVE), "--target", "kubernetes")
    assert (ran.code, "is looked at" in ran.out, "costs" in ran.out) == (0, True, False), ran


def test_the_operator_buys_nothing_for_it(declared: Declare) -> None:
    declare_rule(declared, "error")
    planner = ClusterPlanner(Session(given_settings=Settings()))
    workspace = Workspace.model_validate(yaml.safe_load(SERVE))
    planner.admit(workspace, {})
    plan = planner.plan(workspace, {}, None, None)
    with pytest.raises(InvalidWorkspace, match=r"costs 3\.67"):
        planner.admit_plan(workspace, plan)
