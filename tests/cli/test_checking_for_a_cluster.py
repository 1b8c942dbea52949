"""``check`` and ``plan`` for a cluster that is not there: what changes, what the cluster is like, what is chosen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Run

MISSION = """apiVersion: kaito.sh/v1alpha1
kind: Workspace
metadata:
  name: workspace-tuning-phi-3
resource:
  instanceType: "Standard_NC6s_v3"
  labelSelector:
    matchLabels:
      app: tuning-phi-3
tuning:
  preset:
    name: phi-3-mini-128k-instruct
  method: qlora
  input:
    urls:
      - "https://huggingface.co/datasets/philschmid/dolly-15k-oai-style/resolve/main/data/train.parquet?download=true"
  output:
    image: "ACR_REPO_HERE.azurecr.io/IMAGE_NAME_HERE:0.0.1"
    imagePushSecret: ACR_REGISTRY_SECRET_HERE
"""
SERVE = """apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: phi}
resource:
  instanceType: auto
  labelSelector: {matchLabels: {apps: phi}}
inference:
  preset: {name: phi-4-mini-instruct}
"""
BYO = SERVE.replace("  instanceType: auto\n", "")
CLUSTER = """featureGates: {disableNodeAutoProvisioning: true}
nodes:
  - metadata:
      name: a
      labels: {apps: phi, nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB,
               nvidia.com/gpu.count: "1", nvidia.com/gpu.memory: "81920"}
"""

Write = Callable[..., Path]


def test_an_unfilled_placeholder_passes_while_looking_and_is_refused_when_applied(run: Run, written: Write) -> None:
    file = written(MISSION)
    checked = run("check", "-f", file, "--target", "kubernetes")
    assert checked.code == 0
    assert "ACR_REPO_HERE" in checked.out
    planned = run("plan", "-f", file, "--target", "kubernetes")
    assert planned.code == 0
    for words in ("Standard_NC24ads_A100_v4", "compute capability 7.0", "3.06 USD/hour", "undated"):
        assert words in planned.out
    assert run("apply", "-f", file).code == 2


def test_the_missions_own_gpu_ends_in_one_statement(run: Run, written: Write) -> None:
    words = (
        *("compute capability 7.0", "only the image role workload-cuda12 (PyTorch for CUDA 12.6) serves it"),
        *("images: {workload-cuda12: REGISTRY/NAME:TAG}", "would do, 0.526 USD/hour"),
    )
    file = written(MISSION)
    for verb in ("check", "plan"):
        ran = run(verb, "-f", file, "--target", "kubernetes")
        (line,) = [line for line in ran.out.splitlines() if "compute capability" in line and line.startswith("warning")]
        assert all(word in line for word in words), line
        assert ran.out.count("is retired") == 1
    written("images: {workload-cuda12: 'registry.example/workload-cuda12:1'}\n", "llmwright.yaml")
    assert "compute capability" not in run("check", "-f", file, "--target", "kubernetes").out
    rendered = run("render", "-f", file, "--target", "kubernetes")
    assert "image: registry.example/workload-cuda12:1" in rendered.out


def test_auto_chooses_by_the_cost_of_a_token_and_lists_the_others(run: Run, written: Write) -> None:
    file = written(SERVE)
    plan = json.loads(run("plan", "-f", file, "--target", "kubernetes", "-o", "json").out)
    assert "a token costs least" in plan["instanceType"]["why"]
    options = plan["ranking"]["options"]
    assert options[0]["name"] == plan["instanceType"]["name"]
    assert any("its price is unknown" in option["drawbacks"] for option in options)
    assert "not for AMD" in plan["ranking"]["refused"]["Standard_NG32adms_V620_v1"]


def test_a_person_sees_the_choice_and_the_next_three(run: Run, written: Write) -> None:
    file = written(SERVE)
    shown = run("plan", "-f", file, "--target", "kubernetes").out
    options = json.loads(run("plan", "-f", file, "--target", "kubernetes", "-o", "json").out)["ranking"]["options"]
    rows = shown.split("machines compared")[1].splitlines()[1:5]
    assert [row.split()[0] for row in rows] == [option["name"] for option in options[:4]]
    assert f"{len(options) - 4} more would do" in shown
    assert "would do for" not in shown


def test_a_person_sees_why_a_type_of_the_list_would_not_do_and_a_drawback_of_all_once(run: Run, written: Write) -> None:
    file = written(
        SERVE.replace("instanceType: auto", "instanceType: Standard_NG32ads_V620_v1, Standard_NC24ads_A100_v4")
    )
    shown = " ".join(run("plan", "-f", file, "--target", "kubernetes").out.split())
    assert "not Standard_NG32ads_V620_v1: the images are built for NVIDIA GPUs" in shown
    assert "would not: -o yaml" not in shown
    file = written(SERVE.replace("phi-4-mini-instruct", "gpt-oss-20b"))
    shown = run("plan", "-f", file, "--target", "kubernetes").out
    assert shown.count("number format") == 1
    assert "all of these: the GPU does not compute" in shown


BESIDE = """---
apiVersion: v1
kind: ConfigMap
metadata: {name: mine}
data: {FILE: 'TEXT'}
"""
TUNE = """apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: tuned}
resource: {instanceType: Standard_NC24ads_A100_v4, labelSelector: {matchLabels: {apps: tuned}}}
tuning:
  preset: {name: phi-4}
  method: qlora
  config: mine
  input: {urls: ["https://data.example/d.jsonl"]}
  output: {image: "registry.example/a:1", imagePushSecret: push}
"""
QUANTIZED = "training_config: {QuantizationConfig: {load_in_4bit: VALUE}}"


@pytest.mark.parametrize(
    ("workspace", "file", "text", "told"),
    [
        (SERVE + "  config: mine\n", "inference_config.yaml", "vllm: {max-model-len: 8192}", ""),
        (SERVE + "  config: mine\n", "inference_config.yaml", "vllm: {max-model-len: 999999}", "context ends at"),
        (SERVE + "  config: mine\n", "inference_config.yaml", "vllm: {max-model-len: [4]}", "must be text, a number"),
        (TUNE, "training_config.yaml", QUANTIZED.replace("VALUE", "true"), ""),
        (TUNE, "training_config.yaml", QUANTIZED.replace("VALUE", "yes"), ""),
        (TUNE, "training_config.yaml", QUANTIZED.replace("VALUE", '"true"'), "not true or false"),
        (TUNE, "training_config.yaml", QUANTIZED.replace("VALUE", "1"), "not true or false"),
        (TUNE, "training_config.yaml", QUANTIZED.replace("VALUE", "null"), "needs load_in_4bit or load_in_8bit"),
        (TUNE, "training_config.yaml", QUANTIZED.replace("VALUE", "[true]"), "not true or false"),
    ],
)
def test_a_configmap_beside_the_workspace_is_judged(
    run: Run, written: Write, workspace: str, file: str, text: str, told: str
) -> None:
    document = written(workspace + BESIDE.replace("FILE", file).replace("TEXT", text))
    ran = run("check", "-f", document, "--target", "kubernetes")
    assert ran.code == (2 if told else 0), ran.out
    assert told in ran.out
    assert run("plan", "-f", document, "--target", "kubernetes").code == ran.code


def test_a_limit_of_the_company_moves_the_choice(run: Run, written: Write) -> None:
    written("limits:\n  instanceTypes: [Standard_NC24ads_A100_v4]\n", "llmwright.yaml")
    plan = json.loads(run("plan", "-f", written(SERVE), "--target", "kubernetes", "-o", "json").out)
    assert plan["instanceType"]["name"] == "Standard_NC24ads_A100_v4"
    written("limits:\n  usdPerHour: 0.1\n", "llmwright.yaml")
    ran = run("plan", "-f", written(SERVE), "--target", "kubernetes")
    assert ran.code == 2
    assert "USD per hour" in ran.err


def test_a_file_tells_what_the_cluster_is_like(run: Run, written: Write) -> None:
    file = written(BYO)
    assert run("check", "-f", file, "--target", "kubernetes", "--env", written(CLUSTER, "cluster.yaml")).code == 0
    small = written(CLUSTER.replace('"81920"', '"4096"'), "cluster.yaml")
    ran = run("check", "-f", file, "--target", "kubernetes", "--env", small)
    assert ran.code == 2
    assert "memory" in ran.out
    ran = run("check", "-f", file, "--env", written("nodez: []\n", "cluster.yaml"))
    assert ran.code == 2
    assert "did you mean 'nodes'?" in ran.err


def test_what_may_not_change_is_checked_against_the_old_file(run: Run, written: Write) -> None:
    old, new = written(MISSION, "old.yaml"), written(MISSION.replace("method: qlora", "method: lora"), "new.yaml")
    ran = run("check", "-f", new, "--old", old, "--target", "kubernetes")
    assert ran.code == 2
    assert "tuning.method" in ran.out
    assert run("check", "-f", old, "--old", old, "--target", "kubernetes").code == 0


CPU_NODE = """featureGates: {disableNodeAutoProvisioning: true}
nodes:
  - metadata: {name: a, labels: {apps: phi, nvidia.com/gpu.present: "false"}}
    status: {allocatable: {cpu: "16", memory: 128Gi}}
"""
BOTH = "deepseek-r1-distill-llama-8b"
"""A model that is listed for both runtimes."""
NAMED = SERVE.replace("auto", "Standard_NC24ads_A100_v4")
OF_HF, OF_VLLM = "threads: 2", "gpuMemoryUtilization: 0.8"


@pytest.mark.parametrize(
    ("workspace", "cluster", "options", "runtime"),
    [
        pytest.param(BYO, CLUSTER, "", "vllm", id="brought GPU"),
        pytest.param(BYO, CLUSTER, OF_VLLM, "vllm", id="brought GPU, an option of vllm"),
        pytest.param(BYO, CLUSTER, OF_HF, "hf", id="brought GPU, an option of hf"),
        pytest.param(BYO, CPU_NODE, OF_HF, "hf", id="brought processor, an option of hf"),
        pytest.param(NAMED, "", OF_VLLM, "vllm", id="bought GPU, an option of vllm"),
        pytest.param(NAMED, "", OF_HF, "hf", id="bought GPU, an option of hf"),
        pytest.param(SERVE, "", OF_HF, "hf", id="any GPU, an option of hf"),
    ],
)
def test_the_runtime_that_judges_the_options_is_the_one_that_runs(
    run: Run, written: Write, workspace: str, cluster: str, options: str, runtime: str
) -> None:
    """A runtime that nobody names is the first that can serve and takes the options: for ``check`` as for a plan."""
    workspace = workspace.replace("phi-4-mini-instruct", BOTH)
    file = written(f"{workspace}  runtimeConfig: {{{options}}}\n" if options else workspace)
    on = ["--target", "kubernetes", *(["--env", str(written(cluster, "cluster.yaml"))] if cluster else [])]
    checked = run("check", "-f", file, *on)
    assert checked.code == 0, checked.out
    planned = run("plan", "-f", file, *on, "-o", "json")
    assert planned.code == 0, planned.err
    chosen = json.loads(planned.out)["runtime"]
    assert chosen["name"] == runtime
    assert ("vllm: " in chosen["why"] or "vllm needs a GPU" in chosen["why"]) == (runtime == "hf"), chosen["why"]


def test_options_that_no_runtime_has_are_judged_by_the_one_that_would_run_without_them(
    run: Run, written: Write
) -> None:
    file = written(f"{NAMED}  runtimeConfig: {{gpuMemoryUtilisation: 0.8}}\n")
    for verb in ("check", "plan"):
        ran = run(verb, "-f", file, "--target", "kubernetes")
        assert ran.code == 2
        assert "did you mean 'gpuMemoryUtilization'" in ran.out + ran.err


def test_an_option_of_a_runtime_that_cannot_run_there_is_told_by_the_plan(run: Run, written: Write) -> None:
    workspace = BYO.replace("phi-4-mini-instruct", BOTH)
    file, cluster = written(f"{workspace}  runtimeConfig: {{{OF_VLLM}}}\n"), written(CPU_NODE, "cluster.yaml")
    planned = run("plan", "-f", file, "--target", "kubernetes", "--env", cluster)
    assert planned.code == 2
    assert "vllm needs a GPU" in planned.err
    assert "inference.runtimeConfig.gpuMemoryUtilization" in planned.err


def test_the_setting_of_the_target_holds_for_verbs_that_start_nothing(run: Run, written: Write) -> None:
    written("target: kubernetes\n", "llmwright.yaml")
    file = written(NAMED)
    assert json.loads(run("plan", "-f", file, "-o", "json").out)["target"] == "kubernetes"
    assert "kind: StatefulSet" in run("render", "-f", file).out
    assert run("check", "-f", written(NAMED)).code == 0
    here = run("render", "-f", written(SERVE.replace("phi-4-mini-instruct", "demo")), "--target", "local")
    assert "kind: StatefulSet" not in here.out
