"""A rule that the settings require and that cannot be asked refuses what it would have judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Run
from tests.support.declared import Declare

from llmwright.api.workspace import Workspace
from llmwright.app.checker import Checker, CheckMode
from llmwright.app.cluster_planner import ClusterPlanner
from llmwright.app.session import Session
from llmwright.errors import InvalidWorkspace, PluginError
from llmwright.settings import Settings

SERVE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: phi}
resource: {instanceType: Standard_NV36ads_A10_v5, labelSelector: {matchLabels: {apps: x}}, provisioner: byo}
inference: {preset: {name: demo}, runtime: hf}
"""
BROKEN = "import acme_library_that_is_not_there\n"
REFUSED = "the settings require the hook 'acme-rules' (plugins.required)"
Write = Callable[..., Path]


def broken_rule(declared: Declare) -> None:
    declared("acme-rules", {"llmwright.hooks.v1": {"acme-rules": "acme_broken"}}, {"acme_broken.py": BROKEN})


@pytest.mark.parametrize("verb", ["check", "plan", "render"])
def test_a_rule_that_cannot_be_imported_refuses(run: Run, written: Write, declared: Declare, verb: str) -> None:
    broken_rule(declared)
    settings = written("plugins: {required: [acme-rules]}", "s.yaml")
    ran = run("--settings", settings, verb, "-f", written(SERVE), "--target", "kubernetes")
    assert ran.code == 2
    assert f"{REFUSED}: hook 'acme-rules' of acme-rules 1.0 is installed" in ran.out + ran.err
    assert "pip install acme-library-that-is-not-there" in ran.out + ran.err


def test_nothing_is_applied_without_it(run: Run, written: Write, declared: Declare) -> None:
    broken_rule(declared)
    settings = written("plugins: {required: [acme-rules]}", "s.yaml")
    local = SERVE.replace("instanceType: Standard_NV36ads_A10_v5, ", "").replace(", provisioner: byo", "")
    ran = run("--settings", settings, "apply", "-f", written(local))
    assert (ran.code, REFUSED in ran.err) == (2, True)
    assert "phi" not in run("get").out


def test_a_severity_that_nobody_knows_refuses(run: Run, written: Write, declared: Declare) -> None:
    rule = """from llmwright.errors import Problem
from llmwright.plugins import hookimpl
@hookimpl
def check_workspace(workspace):
    yield Problem("metadata.name", "is forbidden", severity="fatal")
"""
    declared("acme-rules", {"llmwright.hooks.v1": {"acme-rules": "acme_fatal"}}, {"acme_fatal.py": rule})
    ran = run("check", "-f", written(SERVE), "--target", "kubernetes")
    assert (ran.code, "metadata.name: is forbidden" in ran.out) == (2, True), ran


@pytest.mark.parametrize("fault", ["raise SystemExit(0)", "raise KeyboardInterrupt2", "import sys; sys.exit()"])
def test_a_rule_that_ends_the_process_refuses(run: Run, written: Write, declared: Declare, fault: str) -> None:
    rule = f"""from llmwright.plugins import hookimpl
class KeyboardInterrupt2(BaseException):
    pass
@hookimpl
def check_workspace(workspace):
    {fault}
"""
    module = f"acme_ends_{fault.count('sys')}_{len(fault)}"
    declared("acme-rules", {"llmwright.hooks.v1": {"acme-rules": module}}, {f"{module}.py": rule})
    ran = run("check", "-f", written(SERVE), "--target", "kubernetes")
    assert (ran.code, "of acme-rules 1.0" in ran.out, "failed in check_workspace" in ran.out) == (2, True, True), ran


def test_where_nobody_requires_it_it_costs_one_line(run: Run, written: Write, declared: Declare) -> None:
    broken_rule(declared)
    ran = run("check", "-f", written(SERVE), "--target", "kubernetes")
    assert ran.code == 0
    assert sum("acme-rules 1.0" in line for line in ran.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("required", "flags", "message"),
    [
        ("acme-ruls", (), "no installed hook answers to it (did you mean 'acme-rules'?"),
        ("acme-rules", ("--no-plugin", "acme-rules"), "it is not used: blocked by 'acme-rules'"),
        ("hook:acme-rules", ("--no-plugin", "hook:acme-rules"), "it is not used: blocked by"),
    ],
)
def test_a_rule_that_is_left_out_or_not_there_refuses_too(
    run: Run, written: Write, declared: Declare, required: str, flags: tuple[str, ...], message: str
) -> None:
    rule = "from llmwright.plugins import hookimpl\n@hookimpl\ndef check_workspace(workspace):\n    return []\n"
    declared("acme-rules", {"llmwright.hooks.v1": {"acme-rules": "acme_whole"}}, {"acme_whole.py": rule})
    settings = written(f"plugins: {{required: ['{required}']}}", "s.yaml")
    ran = run("--settings", settings, *flags, "check", "-f", written(SERVE), "--target", "kubernetes")
    assert (ran.code, message in ran.out) == (2, True), ran
    whole = written("plugins: {required: [acme-rules]}", "s.yaml")
    assert run("--settings", whole, "check", "-f", written(SERVE), "--target", "kubernetes").code == 0


def test_the_webhook_and_the_operator_refuse(declared: Declare, capsys: pytest.CaptureFixture[str]) -> None:
    broken_rule(declared)
    session = Session(given_settings=Settings.model_validate({"plugins": {"required": ["acme-rules"]}}))
    workspace = Workspace.model_validate(
        {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": "phi", "namespace": "default"},
            "resource": {"instanceType": "Standard_NV36ads_A10_v5", "labelSelector": {"matchLabels": {"apps": "x"}}},
            "inference": {"preset": {"name": "demo"}},
        }
    )
    told: Any = Checker(session, CheckMode.webhook()).check(workspace)
    assert [problem.reason for problem in told if problem.severity == "error"] == ["RequiredPluginMissing"]
    with pytest.raises(InvalidWorkspace, match="require the hook 'acme-rules'"):
        ClusterPlanner(session).admit(workspace, {})
    with pytest.raises(PluginError, match="require the hook 'acme-rules'"):
        session.registry.hooks().revise("manifests", "objects", ({},), workspace=workspace, plan=None)
