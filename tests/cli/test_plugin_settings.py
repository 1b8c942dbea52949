"""``plugins.KIND.NAME`` of the settings is the plugin's own to judge, whatever verb loads it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Run
from tests.support.declared import Declare

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
ACME = """
from pydantic import BaseModel, ConfigDict
from llmwright.plugins.drivers import Capabilities, Provisioner, Runtime
from llmwright.values.launch import HttpGet, Launch, Probe, Process
from llmwright.values.nodes import ProvisionerDecision, Waiting

class Region(BaseModel):
    model_config = ConfigDict(extra="forbid")
    region: str = "north"

class AcmeRuntime(Runtime):
    targets = frozenset({"kubernetes", "local"})
    aliases = frozenset({"acme-old"})
    capabilities = Capabilities(cpu=True)
    settings_model = Region
    def launch(self, preset, fit, adapters, config):
        region = self.context.settings.get("region", "none")
        main = Process(name="serve", argv=("acme", preset.name, region), ready=Probe(check=HttpGet("/health")))
        return Launch(main=main, ports={"http": 5000})

class AcmeCloud(Provisioner):
    targets = frozenset({"kubernetes"})
    settings_model = Region
    def observe(self, request, snapshot):
        return ()
    def decide(self, request, observed, now):
        return ProvisionerDecision(outcome=Waiting("Coming", self.context.settings["region"]))
    def act(self, action):
        pass
"""
RULES = """
from collections.abc import Iterator
from pydantic import BaseModel, ConfigDict
from llmwright.errors import Problem
from llmwright.plugins import hookimpl

class RuleSettings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    longest: int = 63

class Rules:
    '''Names may have so many letters.'''
    settings_model = RuleSettings
    def __init__(self, settings: RuleSettings) -> None:
        self.longest = settings.longest
    @hookimpl
    def check_workspace(self, workspace) -> Iterator[Problem]:
        if len(workspace.name) > self.longest:
            yield Problem("metadata.name", f"has more than {self.longest} letters")
"""
Write = Callable[..., Path]


def acme(declared: Declare, module: str) -> None:
    points = {
        "llmwright.runtimes.v1": {"apex": f"{module}:AcmeRuntime", "acme-old": f"{module}:AcmeRuntime"},
        "llmwright.provisioners.v1": {"apex": f"{module}:AcmeCloud"},
    }
    declared("acme-all", points, {f"{module}.py": ACME})


@pytest.mark.parametrize("verb", ["check", "plan", "render"])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            "{provisioner: {karpenter: {mod: nodepool}}}",
            "plugins.provisioner.karpenter.mod: unknown option (did you mean 'mode'?)",
        ),
        ("{provisioner: {karpenter: {mode: pool}}}", "plugins.provisioner.karpenter.mode: Input should be 'nodeclaim'"),
        ("{runtime: {hf: {dtype: float32}}}", "plugins.runtime.hf: HfRuntime has no settings"),
        (
            "{provisioner: {karpentr: {}}}",
            "plugins.provisioner.karpentr: no provisioner of that name is installed (did you mean 'karpenter'?)",
        ),
        ("{runtime: {karpenter: {}}}", "(did you mean 'plugins.provisioner.karpenter'?)"),
        ("{hook: {nobody: {}}}", "plugins.hook.nobody: no hook of that name is installed (`llmwright plugins list`"),
        ("{hook: {presets: {a: 1}}}", "plugins.hook.presets: the hook 'presets' of llmwright-presets"),
        ("{runtimes: {hf: {}}}", "plugins.runtimes: unknown field (did you mean 'runtime'?)"),
        ("{karpenter: {mode: nodepool}}", "karpenter is no kind of plugin: write plugins.KIND.karpenter"),
    ],
)
def test_settings_that_a_plugin_does_not_take_are_refused(
    run: Run, written: Write, verb: str, settings: str, message: str
) -> None:
    file = written(f"plugins: {settings}", "settings.yaml")
    ran = run("--settings", file, verb, "-f", written(SERVE), "--target", "kubernetes")
    assert ran.code == 2
    assert message in ran.err
    assert "Traceback" not in ran.err


def test_a_driver_that_is_not_loaded_is_not_judged(run: Run, written: Write) -> None:
    settings = written("plugins: {provisioner: {karpenter: {mod: nodepool}}}", "settings.yaml")
    byo = SERVE.replace("karpenter", "byo")
    ran = run("--settings", settings, "plan", "-f", written(byo), "--target", "kubernetes")
    assert ran.code == 0, ran.err
    assert run("--settings", settings, "--help").code == 0


def test_an_operator_judges_all_of_them_before_it_starts(run: Run, written: Write) -> None:
    settings = written("plugins: {provisioner: {karpenter: {mod: nodepool}}}", "settings.yaml")
    ran = run("--settings", settings, "operator", "--kubeconfig", "nowhere")
    assert (ran.code, "plugins.provisioner.karpenter.mod: unknown option" in ran.err) == (2, True)
    unknown = written("plugins: {provisioner: {karpentr: {mode: nodepool}}}", "settings.yaml")
    ran = run("--settings", unknown, "operator", "--kubeconfig", "nowhere")
    assert ran.code == 2
    assert "plugins.provisioner.karpentr: no provisioner of that name is installed" in ran.err


def test_a_wrong_setting_keeps_nobody_from_looking_and_from_tidying_up(run: Run, written: Write) -> None:
    settings = written("plugins: {provisioner: {gone: {mode: nodepool}}}", "settings.yaml")
    for command in (("plugins", "list"), ("plugins", "show", "hf"), ("presets", "list"), ("get",)):
        ran = run("--settings", settings, *command)
        assert ran.code == 0, ran.err
    assert "NotFound" in (gone := run("--settings", settings, "delete", "phi").err) or "phi" in gone


def test_a_provisioner_and_a_runtime_of_one_name_each_have_their_own(
    run: Run, written: Write, declared: Declare
) -> None:
    acme(declared, "acme_both")
    settings = written("plugins: {provisioner: {apex: {region: east}}, runtime: {apex: {region: west}}}", "s.yaml")
    file = written(SERVE.replace("karpenter", "apex").replace("runtime: hf", "runtime: apex"))
    ran = run("--settings", settings, "plan", "-f", file, "--target", "kubernetes", "-o", "json")
    assert ran.code == 0, ran.err
    plan = json.loads(ran.out)
    assert plan["serving"]["main"]["argv"][-1] == "west"
    only = written("plugins: {provisioner: {apex: {region: east}}}", "s.yaml")
    ran = run("--settings", only, "plan", "-f", file, "--target", "kubernetes", "-o", "json")
    assert json.loads(ran.out)["serving"]["main"]["argv"][-1] == "none"


def test_a_driver_s_settings_hold_under_its_aliases_too(run: Run, written: Write, declared: Declare) -> None:
    acme(declared, "acme_alias")
    settings = written("plugins: {runtime: {apex: {region: west}}}", "s.yaml")
    file = written(SERVE.replace("runtime: hf", "runtime: acme-old"))
    ran = run("--settings", settings, "plan", "-f", file, "--target", "kubernetes", "-o", "json")
    assert json.loads(ran.out)["serving"]["main"]["argv"][-1] == "west"


def test_a_hook_has_settings(run: Run, written: Write, declared: Declare) -> None:
    declared("acme-rules", {"llmwright.hooks.v1": {"names": "acme_named:Rules"}}, {"acme_named.py": RULES})
    file = written(SERVE)
    assert run("check", "-f", file, "--target", "kubernetes").code == 0
    strict = written("plugins: {hook: {names: {longest: 2}}}", "s.yaml")
    ran = run("--settings", strict, "check", "-f", file, "--target", "kubernetes")
    assert (ran.code, "metadata.name: has more than 2 letters (said by acme-rules 1.0)" in ran.out) == (2, True)
    wrong = written("plugins: {hook: {names: {longst: 2}}}", "s.yaml")
    ran = run("--settings", wrong, "check", "-f", file, "--target", "kubernetes")
    assert ran.code == 2
    assert "plugins.hook.names.longst: unknown option (did you mean 'longest'?)" in ran.err


def test_loading_is_checked_with_the_settings(
    run: Run, written: Write, declared: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = RULES.replace("longest: int = 63", "longest: int")
    declared("acme-rules", {"llmwright.hooks.v1": {"names": "acme_needed:Rules"}}, {"acme_needed.py": needed})
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((sys.path[0], os.environ.get("PYTHONPATH", ""))))
    for settings, loads in (("{}", False), ("plugins: {hook: {names: {longest: 9}}}", True)):
        ran = run("--settings", written(settings, "s.yaml"), "plugins", "list", "--check", "-o", "json")
        (row,) = [row for row in json.loads(ran.out) if row["name"] == "names"]
        assert row["loads"] is loads, row
        assert loads or "plugins.hook.names.longest: Field required" in row["detail"]


def test_hooks_of_one_name_have_their_settings_by_distribution(run: Run, written: Write, declared: Declare) -> None:
    declared("acme-a", {"llmwright.hooks.v1": {"rules": "acme_same_a:Rules"}}, {"acme_same_a.py": RULES})
    declared("acme-b", {"llmwright.hooks.v1": {"rules": "acme_same_b:Rules"}}, {"acme_same_b.py": RULES})
    file = written(SERVE)
    ran = run("--settings", written("plugins: {hook: {acme-b: {longest: 2}}}", "s.yaml"), "check", "-f", file)
    assert "has more than 2 letters (said by acme-b 1.0)" in ran.out
    ran = run("--settings", written("plugins: {hook: {rules: {longest: 2}}}", "s.yaml"), "check", "-f", file)
    assert ran.code == 2
    assert "did you mean 'plugins.hook.acme-a' or 'plugins.hook.acme-b'?" in ran.err
