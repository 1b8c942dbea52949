"""``plugins.<name>`` of the settings is the driver's own to judge, whatever verb loads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Run

SERVE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: phi}
resource:
  instanceType: Standard_NV36ads_A10_v5
  labelSelector: {matchLabels: {apps: x}}
  provisioner: karpenter
inference: {preset: {name: demo}, runtime: hf}
"""
Write = Callable[..., Path]


@pytest.mark.parametrize("verb", ["check", "plan", "render"])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("plugins: {karpenter: {mod: nodepool}}", "plugins.karpenter.mod: unknown option (did you mean 'mode'?)"),
        ("plugins: {karpenter: {mode: pool}}", "plugins.karpenter.mode: Input should be 'nodeclaim' or 'nodepool'"),
        ("plugins: {hf: {dtype: float32}}", "plugins.hf: HfRuntime has no settings"),
    ],
)
def test_settings_that_a_driver_does_not_take_are_refused(
    run: Run, written: Write, verb: str, settings: str, message: str
) -> None:
    ran = run("--settings", written(settings, "settings.yaml"), verb, "-f", written(SERVE), "--target", "kubernetes")
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_a_driver_that_is_not_loaded_is_not_judged(run: Run, written: Write) -> None:
    settings = written("plugins: {karpenter: {mod: nodepool}}", "settings.yaml")
    byo = SERVE.replace("karpenter", "byo")
    ran = run("--settings", settings, "plan", "-f", written(byo), "--target", "kubernetes")
    assert ran.code == 0, ran.err
    assert run("--settings", settings, "--help").code == 0


def test_an_operator_judges_all_of_them_before_it_starts(run: Run, written: Write) -> None:
    settings = written("plugins: {karpenter: {mod: nodepool}}", "settings.yaml")
    ran = run("--settings", settings, "operator", "--kubeconfig", "nowhere")
    assert (ran.code, "plugins.karpenter.mod: unknown option" in ran.err) == (2, True)
    unknown = written("plugins: {karpentr: {mode: nodepool}}", "settings.yaml")
    ran = run("--settings", unknown, "operator", "--kubeconfig", "nowhere")
    assert "plugins.karpentr: nothing installed has that name" in ran.err
