"""What a stranger's runtime or tuner must keep: weights, key, image, memory; by `check`, `plan` and `render`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Run
from tests.support.declared import Declare

PRESET = (Path(__file__).parents[2] / "examples/plugins/preset_pack/acme_presets/smollm2.yaml").read_text()
COMMIT = "12fd25f77366fa6b3b4b768ec3050bf629380bac"
HUB = f"source: hf://HuggingFaceTB/SmolLM2-135M-Instruct\n    revision: {COMMIT}"
PINNED = PRESET
IMAGE = PRESET.replace(HUB, "source: oci://registry.example/models/smollm2:1")
NAME = "smollm2-135m-instruct"
SERVE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: small}
resource: {instanceType: Standard_NV36ads_A10_v5, labelSelector: {matchLabels: {apps: x}}, provisioner: byo}
inference: {preset: {name: smollm2-135m-instruct}, runtime: acme}
"""
TUNE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: small}
resource: {instanceType: Standard_NV36ads_A10_v5, labelSelector: {matchLabels: {apps: x}}, provisioner: byo}
tuning:
  preset: {name: smollm2-135m-instruct}
  method: acme
  onSuccess: release
  input: {urls: ["https://example.com/data.jsonl"]}
  output: {volumeSource: {persistentVolumeClaim: {claimName: results}}}
"""
DRIVERS = """
from llmwright.plugins.drivers import Capabilities, Runtime, Tuner
from llmwright.plugins.weights import weights_of
from llmwright.values.fit import MemoryTerm
from llmwright.values.launch import API_KEY, HttpGet, Launch, Mount, Probe, Process

class AcmeRuntime(Runtime):
    targets = frozenset({"kubernetes", "local"})
    capabilities = Capabilities(CAPABILITIES)
    def launch(self, preset, fit, adapters, config):
        argv = ("acme", "serve", *WEIGHTS, "--name", preset.name)
        main = Process(name="serve", argv=argv, ready=Probe(check=HttpGet("/health")), gpus=fit.gpus)
        return Launch(main=main, ports={"http": 5000})
    MEMORY

class AcmeTuner(Tuner):
    targets = frozenset({"kubernetes", "local"})
    CHECKPOINTS
    def memory(self, preset, config):
        return (MemoryTerm("weights", preset.weight_bytes),)
    def launch(self, preset, fit, data, config):
        mounts = (Mount(volume="data", path="/data"), Mount(volume="results", path="/results"))
        return Launch(main=Process(name="train", argv=("acme", "train", *WEIGHTS), mounts=mounts))
"""
WHOLE, MODEL = "weights_of(preset).arguments", "(weights_of(preset).model,)"
Write = Callable[..., Path]
Acme = Callable[..., None]


@pytest.fixture
def acme(declared: Declare, request: pytest.FixtureRequest) -> Acme:
    """Installs Acme's runtime and tuner, as the words in place of their capitals have it."""
    module = "acme_plans_" + "".join(letter if letter.isalnum() else "_" for letter in request.node.name)

    def install(weights: str = WHOLE, capabilities: str = "cpu=True", memory: str = "", checkpoints: str = "") -> None:
        parts = {"WEIGHTS": weights, "CAPABILITIES": capabilities, "MEMORY": memory, "CHECKPOINTS": checkpoints}
        code = DRIVERS
        for word, text in parts.items():
            code = code.replace(word, text or "pass")
        points = {
            "llmwright.runtimes.v1": {"acme": f"{module}:AcmeRuntime"},
            "llmwright.tuners.v1": {"acme": f"{module}:AcmeTuner"},
        }
        declared("acme-drivers", points, {f"{module}.py": code})

    return install


@pytest.fixture
def planned(run: Run, written: Write, here: Path) -> Callable[..., dict[str, Any]]:
    """Plans a Workspace with a preset of the user's own directory."""

    def plan(workspace: str, preset: str, target: str = "kubernetes", settings: str = "{}") -> dict[str, Any]:
        ran = run(*arguments(written, here, "plan", workspace, preset, target, settings), "-o", "json")
        assert ran.code == 0, ran.err
        plan: dict[str, Any] = json.loads(ran.out)
        return plan

    return plan


def arguments(
    written: Write, here: Path, verb: str, workspace: str, preset: str, target: str = "kubernetes", settings: str = "{}"
) -> tuple[str | Path, ...]:
    (here / "presets").mkdir(exist_ok=True)
    written(preset, "presets/smollm2.yaml")
    file = written(settings, "settings.yaml")
    return ("--settings", file, "--presets", here / "presets", verb, "-f", written(workspace), "--target", target)


@pytest.mark.parametrize("weights", [WHOLE, MODEL])
@pytest.mark.parametrize(("workspace", "part"), [(SERVE, "serving"), (TUNE, "tuning")])
def test_weights_from_an_image_arrive(acme: Acme, planned: Any, weights: str, workspace: str, part: str) -> None:
    acme(weights)
    launch = planned(workspace, IMAGE)[part]
    pull = next(process for process in launch["prepare"] if process["name"] == "pull-model")
    assert "registry.example/models/smollm2:1" in pull["argv"]
    assert {"name": "model", "kind": "scratch", "source": None} in launch["volumes"]
    assert "model" in {mount["volume"] for mount in launch["main"]["mounts"]}
    assert "$(volume.model)" in launch["main"]["argv"]


def test_the_image_of_a_private_preset_is_pulled_with_its_logins(acme: Acme, planned: Any) -> None:
    acme(MODEL)
    private = (
        f"{{name: {NAME}, accessMode: private, presetOptions: {{image: 'r.example/own:1', imagePullSecrets: [s]}}}}"
    )
    launch = planned(SERVE.replace(f"{{name: {NAME}}}", private), PRESET)["serving"]
    pull = next(process for process in launch["prepare"] if process["name"] == "pull-model")
    assert "r.example/own:1" in pull["argv"]
    assert "DOCKER_CONFIG" in pull["env"]
    assert "DOCKER_CONFIG" not in launch["main"]["env"]


def test_the_image_of_an_inner_registry_is_pulled_from_where_the_settings_allow_it(acme: Acme, planned: Any) -> None:
    acme(MODEL)
    launch = planned(SERVE, IMAGE, settings="{sources: {allow: [10.0.0.0/8]}}")["serving"]
    pull = next(process for process in launch["prepare"] if process["name"] == "pull-model")
    assert pull["argv"][-2:] == ["--allow", "10.0.0.0/8"]


def test_a_pinned_revision_arrives(acme: Acme, planned: Any) -> None:
    acme(WHOLE)
    assert COMMIT in planned(SERVE, PINNED)["serving"]["main"]["argv"]
    assert COMMIT in planned(TUNE, PINNED)["tuning"]["main"]["argv"]


@pytest.mark.parametrize(("workspace", "path"), [(SERVE, "inference.runtime"), (TUNE, "tuning.method")])
@pytest.mark.parametrize("verb", ["check", "plan", "render"])
def test_a_driver_that_drops_the_revision_is_refused(
    run: Run, written: Write, here: Path, acme: Acme, workspace: str, path: str, verb: str
) -> None:
    acme(MODEL)
    ran = run(*arguments(written, here, verb, workspace, PINNED))
    assert ran.code == 2
    assert f"{path}: acme would load whatever is newest of {NAME}, which is pinned to {COMMIT}" in ran.out + ran.err


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_a_runtime_without_a_key_is_refused_where_one_is_wanted(
    run: Run, written: Write, here: Path, acme: Acme, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    acme()
    command = arguments(written, here, verb, SERVE, PRESET, "local")
    assert run(*command).code == 0
    monkeypatch.setenv("LLMWRIGHT_API_KEY", "secret-word")
    ran = run(*command)
    assert ran.code == 2
    assert (
        "acme keeps no API key, and LLMWRIGHT_API_KEY is set (unset it, or write runtime: hf or ray or vllm)"
        in ran.out + ran.err
    )
    assert "secret-word" not in ran.out + ran.err


def test_another_runtime_is_the_default_where_a_key_is_wanted(
    run: Run, written: Write, here: Path, acme: Acme, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme(capabilities="cpu=True)\n    default_rank = {'local': 90, 'kubernetes': 200}\n    nothing = dict(")
    free = SERVE.replace(", runtime: acme", "")
    command = (*arguments(written, here, "plan", free, PRESET, "local"), "-o", "json")
    assert json.loads(run(*command).out)["runtime"]["name"] == "acme"
    monkeypatch.setenv("LLMWRIGHT_API_KEY", "secret-word")
    runtime = json.loads(run(*command).out)["runtime"]
    assert (runtime["name"], "acme keeps no API key" in runtime["why"]) == ("hf", True)


def test_on_a_cluster_the_plan_tells_of_key_and_image(acme: Acme, planned: Any) -> None:
    acme()
    plan = planned(SERVE, PRESET)
    assert any("acme keeps no API key: the Secret llmwright-api-key has no effect" in line for line in plan["warnings"])
    assert [
        line for line in plan["notes"] if "does not hold acme-drivers: name one in the setting images.workload" in line
    ]
    named = planned(SERVE, PRESET, settings="images: {workload: 'r.example/acme:1'}")
    assert not [line for line in named["notes"] if "acme-drivers" in line]
    ours = planned(SERVE.replace("runtime: acme", "runtime: hf"), PRESET)
    assert not [line for line in ours["notes"] if "image of the role" in line]
    assert not [line for line in ours["warnings"] if "API key" in line]


OWN = """def memory(self, preset, fit, config):
        return (MemoryTerm("process", 20 * 2**20, "a small server"), MemoryTerm("weights", preset.weight_bytes // 4))"""


@pytest.mark.parametrize("capabilities", ["cpu=True", "cpu=True, multi_node=True"])
def test_a_runtime_has_its_own_memory(acme: Acme, planned: Any, capabilities: str) -> None:
    acme(capabilities=capabilities, memory=OWN)
    (_, fit), *_ = planned(SERVE, PRESET)["fits"]
    terms = {term["name"]: term for term in fit["terms"]}
    assert (terms["process"]["bytes"], terms["process"]["formula"]) == (20 * 2**20, "a small server")
    assert terms["weights"]["bytes"] == 269030016 // 4
    assert terms["KV cache"]["bytes"] > 0
    assert fit["nodes"] == 1


def test_only_a_tuner_with_checkpoints_goes_on_from_them(acme: Acme, planned: Any) -> None:
    acme()
    local = TUNE.replace("instanceType: Standard_NV36ads_A10_v5, ", "").replace(", provisioner: byo", "")
    local = local.replace("persistentVolumeClaim: {claimName: results}", "hostPath: {path: /results}")
    assert "a tuning process" in planned(local, PRESET, "local")["creates"]
    ours = planned(local.replace("method: acme", "method: lora"), PRESET, "local")["creates"]
    assert "a tuning process, with checkpoints to go on from" in ours


def test_another_provisioner_is_not_used_on_one_machine(run: Run, written: Write, here: Path) -> None:
    karpenter = SERVE.replace("provisioner: byo", "provisioner: karpenter").replace("runtime: acme", "runtime: hf")
    ran = run(*arguments(written, here, "check", karpenter, PRESET, "local"))
    assert ran.code == 0
    assert "resource.provisioner: is not used on this machine" in ran.out
    plan = json.loads(run(*arguments(written, here, "plan", karpenter, PRESET, "local"), "-o", "json").out)
    assert "resource.provisioner karpenter is not used on this machine" in plan["notes"]
    local = SERVE.replace("provisioner: byo", "provisioner: local").replace("runtime: acme", "runtime: hf")
    assert "resource.provisioner" not in run(*arguments(written, here, "check", local, PRESET, "local")).out


def test_a_runtime_whose_programs_are_not_installed_is_not_started(
    run: Run, written: Write, here: Path, declared: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmwright.plugins.failures._installed", lambda name: name != "uvicorn")
    (here / "presets").mkdir()
    ran = run(
        "apply", "-f", written(SERVE.replace("acme", "hf").replace(NAME, "demo").replace(", provisioner: byo", ""))
    )
    assert ran.code == 2
    assert "runtime 'hf' is installed" in ran.err
    assert "uvicorn" in ran.err
    assert "pip install 'llmwright-runtime-hf[serve]'" in ran.err
    assert "small" not in run("get").out
