"""The functions of ``import llmwright`` that start nothing: what they take, and what they return."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import llmwright
from llmwright.errors import ConfigError, InvalidWorkspace, TargetError
from llmwright.values.plan import Plan

DATA: dict[str, Any] = {
    "apiVersion": "kaito.sh/v1beta1",
    "kind": "Workspace",
    "metadata": {"name": "mine"},
    "resource": {"instanceType": "Standard_NV36ads_A10_v5", "labelSelector": {"matchLabels": {"apps": "mine"}}},
    "inference": {"preset": {"name": "demo"}},
}
TEXT = json.dumps(DATA, indent=1)

pytestmark = pytest.mark.usefixtures("work")


def test_a_workspace_is_taken_in_every_form(work: Path) -> None:
    file = work / "workspace.yaml"
    file.write_text(TEXT)
    forms = (DATA, TEXT, "workspace.yaml", file, llmwright.Workspace.model_validate(DATA))
    plans = [llmwright.plan(form) for form in forms]
    assert all(isinstance(plan, Plan) for plan in plans)
    assert {(plan.workspace, plan.preset, plan.inputs) for plan in plans} == {("mine", "demo", plans[0].inputs)}


def test_a_presets_name_is_a_workspace_that_serves_it() -> None:
    plan = llmwright.plan("demo")
    assert (plan.workspace, plan.preset, plan.target, plan.cost) == ("demo", "demo", "local", None)


def test_a_plan_for_a_cluster_has_a_cost() -> None:
    cost = llmwright.plan(DATA, target="kubernetes").cost
    assert cost is not None
    assert cost.usd_per_hour


def test_settings_are_an_object_a_mapping_or_a_file(work: Path) -> None:
    (work / "aws.yaml").write_text("cloud: aws\n")
    auto = {**DATA, "resource": {**DATA["resource"], "instanceType": "auto"}}
    forms: tuple[Any, ...] = ({"cloud": "aws"}, llmwright.Settings(cloud="aws"), "aws.yaml", work / "aws.yaml")
    machines = {llmwright.plan(auto, target="kubernetes", settings=form).nodes.instance_type for form in forms}
    assert {machine.cloud for machine in machines if machine} == {"aws"}
    with pytest.raises(ConfigError, match="clouds: unknown field"):
        llmwright.plan(auto, settings={"clouds": "aws"})


def test_check_returns_every_problem_and_raises_none() -> None:
    assert [problem for problem in llmwright.check(DATA) if problem.severity == "error"] == []
    wrong = {**DATA, "inference": {"preset": {"name": "demoo"}}}
    found = {problem.path: problem for problem in llmwright.check(wrong, target="kubernetes")}
    assert found["inference.preset.name"].severity == "error"


def test_check_names_the_place_in_a_text_that_cannot_be_read() -> None:
    [problem] = llmwright.check(TEXT.replace('"resource"', '"resources"'))
    assert (problem.path, problem.line, problem.hint) == ("resources", 7, "did you mean 'resource'?")


def test_check_sees_what_may_not_change() -> None:
    new = {**DATA, "inference": {"preset": {"name": "phi-4-mini-instruct"}}}
    before = {problem.path for problem in llmwright.check(new, target="kubernetes")}
    after = {problem.path for problem in llmwright.check(new, target="kubernetes", old=DATA)}
    assert after > before


def test_render_returns_the_objects_of_a_cluster() -> None:
    kinds = [manifest["kind"] for manifest in llmwright.render(DATA, settings={"provisioner": "byo"})]
    assert kinds == ["Service", "Service", "StatefulSet"]


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ("nowhere.yaml", ConfigError, "nowhere.yaml is not there"),
        ("---\n" + TEXT + "\n---\n" + TEXT.replace("mine", "yours"), ConfigError, "2 Workspaces: mine, yours"),
        ("a: 1\n", InvalidWorkspace, "<text>:1"),
        ("no-such-preset", InvalidWorkspace, "no-such-preset"),
    ],
)
def test_what_cannot_be_used_is_refused(source: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        llmwright.plan(source)


def test_a_workspace_that_is_not_there() -> None:
    calls: tuple[Any, ...] = (
        lambda: llmwright.get("nowhere"),
        lambda: llmwright.wait("nowhere"),
        lambda: llmwright.chat("nowhere", "Who are you?"),
        lambda: llmwright.logs("nowhere"),
        lambda: llmwright.delete("nowhere"),
    )
    for call in calls:
        with pytest.raises(TargetError) as error:
            call()
        assert error.value.reason == "NotFound"
    llmwright.delete("nowhere", missing_ok=True)
    assert llmwright.workspaces() == ()


def test_a_function_keeps_its_name_when_the_room_of_that_name_is_imported() -> None:
    code = (
        "import llmwright, llmwright.plan, llmwright.check.admission\n"
        "from llmwright.plan.make import make_plan\n"
        "from llmwright import plan, check\n"
        "assert plan is llmwright.plan and callable(plan) and callable(check), (plan, check)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_names_that_are_not_there_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        llmwright.nothing  # noqa: B018
    assert dir(llmwright) == sorted([*llmwright.__all__, "__version__"])
