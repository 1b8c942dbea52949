"""``plan --online`` and ``doctor``: the planned provisioner asks its cloud, and what it says ends the verb."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Run
from tests.support.declared import Declare

SERVE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: small}
resource:
  instanceType: Standard_NC24ads_A100_v4, Standard_NC40ads_H100_v5
  labelSelector: {matchLabels: {apps: x}}
  provisioner: acme
inference: {preset: {name: phi-4-mini-instruct}}
"""
DRIVER = """
from llmwright.errors import TargetError
from llmwright.plugins.drivers import Provisioner
from llmwright.values.nodes import Finding, ProvisionerDecision, Waiting

class Acme(Provisioner):
    targets = frozenset({"kubernetes"})
    def observe(self, request, snapshot):
        return None
    def decide(self, request, observed, now):
        return ProvisionerDecision(outcome=Waiting("Coming", "soon"))
    def act(self, action):
        return None
    def examine(self, request):
        ANSWER
"""
USED_UP = """
        if request is None:
            return [Finding(about="login", state="ok", message="as tester@acme")]
        text = f"limit 24, used 24, needed for {request.count} x {request.instance_type_name}"
        return [
            Finding(about="login", state="ok", message="as tester@acme"),
            Finding(about="quota", state="problem", message=text, hint="ask for more: acme quota raise", kind="quota"),
        ]
"""
Write = Callable[..., Path]


@pytest.fixture
def acme(declared: Declare, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
    module = "acme_beforehand_" + "".join(letter if letter.isalnum() else "_" for letter in request.node.name)

    def install(answer: str) -> None:
        points = {"llmwright.provisioners.v1": {"acme": f"{module}:Acme"}}
        declared("acme-beforehand", points, {f"{module}.py": DRIVER.replace("ANSWER", answer.strip())})

    return install


def test_a_plan_asks_the_cloud_only_online(run: Run, written: Write, acme: Callable[[str], None]) -> None:
    acme("raise AssertionError('nobody asked')")
    shown = run("plan", "--target", "kubernetes", "-f", written(SERVE))
    assert shown.code == 0, shown.err


def test_a_problem_is_shown_with_its_remedy_and_ends_with_1(
    run: Run, written: Write, acme: Callable[[str], None]
) -> None:
    acme(USED_UP)
    shown = run("plan", "--target", "kubernetes", "--online", "-f", written(SERVE))
    assert shown.code == 1, shown.err
    assert "ok           login: as tester@acme" in shown.out
    assert "problem      quota: limit 24, used 24, needed for 1 x Standard_NC24ads_A100_v4" in shown.out
    assert "ask for more: acme quota raise" in shown.out
    assert "the next is tried: Standard_NC40ads_H100_v5" in shown.out


def test_findings_are_data_for_scripts(run: Run, written: Write, acme: Callable[[str], None]) -> None:
    acme(USED_UP)
    shown = run("plan", "--target", "kubernetes", "--online", "-o", "json", "-f", written(SERVE))
    plan = json.loads(shown.out)
    assert plan["instanceType"]["name"] == "Standard_NC24ads_A100_v4"
    assert [each["kind"] for each in plan["findings"]] == [None, "quota"]
    assert "findings" not in json.loads(run("plan", "--target", "kubernetes", "-o", "json", "-f", written(SERVE)).out)


def test_a_plugin_that_breaks_is_named_and_the_plan_is_shown(
    run: Run, written: Write, acme: Callable[[str], None]
) -> None:
    acme("return [1]")
    shown = run("plan", "--target", "kubernetes", "--online", "-f", written(SERVE))
    assert shown.code == 1
    assert "Plan for default/small" in shown.out
    assert "provisioner 'acme' of acme-beforehand 1.0 failed in examine" in shown.out


def test_the_doctor_asks_each_cloud_about_any_request(run: Run, acme: Callable[[str], None]) -> None:
    acme(USED_UP)
    shown = run("doctor", "-o", "json")
    findings = {each["about"]: each for each in json.loads(shown.out)}
    assert shown.code == 0, shown.out
    assert findings["login"]["message"] == "as tester@acme"
    assert "provisioner byo" in findings
    assert "quota" not in findings


def test_the_doctor_ends_with_1_where_a_cloud_has_a_problem(
    run: Run, written: Write, acme: Callable[[str], None]
) -> None:
    acme("return [Finding(about='login', state='problem', message='expired', hint='acme login', kind='auth')]")
    assert "not checked  login: expired" in run("doctor").out, "no setting names that cloud"
    written("provisioner: acme\n", "llmwright.yaml")
    shown = run("doctor")
    assert shown.code == 1
    assert "problem      login: expired" in shown.out
    assert "acme login" in shown.out
