"""Workspaces as people write them: what public files hold, and the right answer to each kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.support.command import Run

Write = Callable[..., Path]
MACHINE = "Standard_NC24ads_A100_v4"
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: engine}
data: {inference_config.yaml: "vllm: {max-model-len: 4096}"}
"""
NODE = """\
nodes:
  - metadata:
      name: a
      labels:
        apps: a
        nvidia.com/gpu.product: NVIDIA-A100-SXM4-80GB
        nvidia.com/gpu.count: "1"
        nvidia.com/gpu.memory: "81920"
"""


def workspace(version: str = "v1beta1", name: str = "w", **parts: object) -> str:
    """Return the YAML of a serving Workspace with ``parts`` in place of its own."""
    resource = {"instanceType": MACHINE, "labelSelector": {"matchLabels": {"apps": "a"}}}
    whole = {
        "apiVersion": f"kaito.sh/{version}",
        "kind": "Workspace",
        "metadata": {"name": name},
        "resource": resource,
        "inference": {"preset": {"name": "phi-4"}},
    }
    return yaml.safe_dump({**whole, **parts}, sort_keys=False)


TUNING = {
    "preset": {"name": "phi-4"},
    "method": "qlora",
    "input": {"urls": ["https://example.com/d.parquet"]},
    "output": {"image": "r.example/out:1", "imagePushSecret": "s"},
}
SELECTOR = {"labelSelector": {"matchLabels": {"apps": "a"}}}
CLUSTER = ("--target", "kubernetes")


def tuning(**changes: object) -> str:
    text = yaml.safe_load(workspace())
    del text["inference"]
    return yaml.safe_dump({**text, "tuning": {**TUNING, **changes}}, sort_keys=False)


class TestOtherDocuments:
    def test_a_configmap_beside_the_workspace_is_its_config(self, run: Run, written: Write) -> None:
        served = {"preset": {"name": "phi-4"}, "config": "engine"}
        path = written(CONFIG_MAP + "---\n" + workspace(inference=served))
        assert run("check", *CLUSTER, "-f", path).out == "valid\n"
        ran = run("plan", *CLUSTER, "-f", path, "-o", "json")
        argv = json.loads(ran.out)["serving"]["main"]["argv"]
        assert "4096" in str(argv) or json.loads(ran.out)["fits"][0][1]["context"] == 4096
        assert "max-model-len" in run("render", *CLUSTER, "-f", path).out

    def test_other_kinds_are_left_aside_with_a_note(self, run: Run, written: Write) -> None:
        service = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {}\n---\n"
        ran = run("check", *CLUSTER, "-f", written(service + workspace()))
        assert ran.code == 0
        assert ran.out.splitlines() == [
            f"warning: {Path.cwd()}/workspace.yaml:2:1: Service 's' is no Workspace and is left aside",
            "valid",
        ]

    def test_a_file_of_other_kinds_alone_is_named(self, run: Run, written: Write) -> None:
        ran = run("check", "-f", written(CONFIG_MAP))
        assert ran.code == 2
        assert "only ConfigMap" in ran.err

    @pytest.mark.parametrize("kind", ["InferenceSet", "RAGEngine", "MultiRoleInference", "ModelMirror"])
    def test_another_kind_of_kaitos_is_one_line(self, kind: str, run: Run, written: Write) -> None:
        text = f"apiVersion: kaito.sh/v1alpha1\nkind: {kind}\nmetadata: {{name: w}}\nspec: {{replicas: 2}}\n"
        ran = run("check", "-f", written(text))
        assert ran.code == 2
        assert len(ran.err.splitlines()) == 1
        assert f"2:1: kind: {kind} is a kind of KAITO's that is not built here" in ran.err

    @pytest.mark.parametrize("kind", ["List", "WorkspaceList"])
    def test_a_list_is_read_with_the_places_of_its_items(self, kind: str, run: Run, written: Write) -> None:
        items = [yaml.safe_load(workspace()), yaml.safe_load(workspace(name="other"))]
        listed = {"apiVersion": "v1", "kind": kind, "items": items}
        assert run("check", *CLUSTER, "-f", written(yaml.safe_dump(listed))).out == "valid\n"
        items[1]["inference"]["preset"]["name"] = "phi-5"
        ran = run("check", *CLUSTER, "-f", written(yaml.safe_dump(listed, sort_keys=False)))
        assert ran.code == 2
        assert "27:7: inference.preset.name: unknown preset 'phi-5'" in ran.out

    def test_a_list_without_items_is_refused(self, run: Run, written: Write) -> None:
        ran = run("check", "-f", written("apiVersion: v1\nkind: List\nitems: 1\n"))
        assert ran.code == 2
        assert "3:1: items: a List has a list of items" in ran.err


@pytest.mark.parametrize("verb", ["check", "plan", "render"])
def test_the_older_version_has_a_default_type_everywhere(verb: str, run: Run, written: Write) -> None:
    ran = run(verb, *CLUSTER, "-f", written(workspace("v1alpha1", resource=SELECTOR)))
    assert ran.code == 0, ran.err
    assert verb == "check" or MACHINE in ran.out


def test_a_template_is_planned_with_machine_and_cost(run: Run, written: Write) -> None:
    template = {"template": {"spec": {"containers": [{"name": "c", "image": "nginx:1"}]}}}
    ran = run("plan", *CLUSTER, "-f", written(workspace(inference=template)))
    assert ran.code == 0, ran.err
    assert "run the pod template" in ran.out
    created = ran.out.partition("will create, in this order:\n")[2].splitlines()
    assert created[:3] == [
        f"  1. 1 x {MACHINE}, by karpenter",
        "  2. the StatefulSet w, with 1 x the pod of the template",
        "  3. the Services w and w-headless",
    ]
    assert MACHINE in ran.out
    assert "USD/hour" in ran.out


def test_nodes_that_are_brought_can_be_described(run: Run, written: Write) -> None:
    written("featureGates: {disableNodeAutoProvisioning: true}\n", "llmwright.yaml")
    path, nodes = written(workspace(resource=SELECTOR)), written(NODE, "cluster.yaml")
    assert run("check", *CLUSTER, "-f", path).code == 0
    alone = run("plan", *CLUSTER, "-f", path)
    assert alone.code == 1
    assert "--env" in alone.err
    assert "instanceType" not in alone.err
    ran = run("plan", *CLUSTER, "-f", path, "--env", nodes)
    assert ran.code == 0, ran.err
    assert "uses 1 x" in ran.out
    assert "by byo" in ran.out
    assert "nothing is bought" in next(line for line in ran.out.splitlines() if line.startswith("  cost"))
    assert "unknown" not in ran.out
    assert run("render", *CLUSTER, "-f", path, "--env", nodes).code == 0


class TestGatedModels:
    GATED = "llama-3.1-8b-instruct"

    @pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
    def test_serving_asks_for_a_token(self, version: str, run: Run, written: Write) -> None:
        ran = run("check", *CLUSTER, "-f", written(workspace(version, inference={"preset": {"name": self.GATED}})))
        assert ran.code == 2
        assert "inference.preset.presetOptions.modelAccessSecret" in ran.out
        assert "gated" in ran.out
        assert ("kaito.sh/v1beta1" in ran.out) == (version == "v1alpha1")

    def test_tuning_asks_for_a_token(self, run: Run, written: Write) -> None:
        ran = run("check", *CLUSTER, "-f", written(tuning(preset={"name": self.GATED})))
        assert ran.code == 2
        assert "tuning.preset.presetOptions.modelAccessSecret" in ran.out
        secret = {"name": self.GATED, "presetOptions": {"modelAccessSecret": "s"}}
        assert run("check", *CLUSTER, "-f", written(tuning(preset=secret))).code == 0


class TestPrivateImages:
    IMAGE = "registry.example/llama-2-7b-chat:0.0.1"

    @pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
    def test_the_weights_come_from_the_users_image(self, version: str, run: Run, written: Write) -> None:
        options = {"image": self.IMAGE, "imagePullSecrets": ["s"]}
        preset = {"name": "llama-2-7b-chat", "accessMode": "private", "presetOptions": options}
        path = written(workspace(version, inference={"preset": preset}))
        ran = run("check", *CLUSTER, "-f", path)
        assert ran.code == 0, ran.out
        assert "gated" not in ran.out
        planned = run("plan", *CLUSTER, "-f", path).out
        assert f"note: the weights come from the directory /data of the image {self.IMAGE}" in planned
        rendered = run("render", *CLUSTER, "-f", path).out
        assert f"- --reference\n        - {self.IMAGE}\n" in rendered
        assert "imagePullSecrets:\n      - name: s\n" in rendered

    def test_an_image_of_a_public_preset_is_not_used_and_that_is_told(self, run: Run, written: Write) -> None:
        preset = {"name": "phi-4", "presetOptions": {"image": self.IMAGE}}
        path = written(workspace(inference={"preset": preset}))
        ran = run("check", *CLUSTER, "-f", path)
        assert ran.code == 0
        assert "inference.preset.presetOptions.image: is not used: the weights come from the hub" in ran.out
        assert self.IMAGE not in run("render", *CLUSTER, "-f", path).out


OLD = (
    *("falcon-7b", "falcon-7b-instruct", "falcon-40b", "falcon-40b-instruct", "phi-2"),
    *("llama-2-7b", "llama-2-7b-chat", "llama-2-13b", "llama-2-13b-chat", "llama-2-70b", "llama-2-70b-chat"),
    *("phi-3-small-8k-instruct", "phi-3-small-128k-instruct"),
)


class TestOldPresets:
    @pytest.mark.parametrize("name", OLD)
    def test_a_name_that_kaito_gave_up_still_means_its_own_weights(self, name: str, run: Run, written: Write) -> None:
        written("sources: {remoteCode: ['hf://microsoft/*']}\n", "llmwright.yaml")
        preset = {"name": name, **({"presetOptions": {"modelAccessSecret": "s"}} if name.startswith("llama") else {})}
        resource = {**SELECTOR, "instanceType": "Standard_NC96ads_A100_v4"}
        path = written(workspace(inference={"preset": preset}, resource=resource))
        ran = run("check", *CLUSTER, "-f", path)
        assert ran.code == 0, ran.out
        (line,) = [line for line in ran.out.splitlines() if "old name" in line]
        assert f"inference.preset.name: {name} is an old name: KAITO" in line
        assert "did you mean" not in line
        planned = json.loads(run("plan", *CLUSTER, "-f", path, "-o", "json").out)
        assert planned["preset"] == name

    def test_the_list_marks_it(self, run: Run) -> None:
        lines = run("presets", "list").out.splitlines()
        assert {line.split(" (old)")[0] for line in lines if "(old)" in line} == set(OLD)
        assert "old:          KAITO refuses it since December 2025" in run("presets", "show", "phi-2").out

    def test_a_typing_mistake_in_it_is_told_as_one(self, run: Run, written: Write) -> None:
        ran = run("check", *CLUSTER, "-f", written(workspace(inference={"preset": {"name": "falcon-7b-instrukt"}})))
        assert ran.code == 2
        assert "did you mean 'falcon-7b-instruct'?" in ran.out


def test_a_host_in_upper_case_is_one(run: Run, written: Write) -> None:
    ran = run("check", *CLUSTER, "-f", written(tuning(input={"image": "PULLREGISTRY/data:0.0.1"})))
    assert ran.code == 0, ran.out
    refused = run("check", *CLUSTER, "-f", written(tuning(input={"image": "r.example/Data:1"})))
    assert "'r.example/Data:1'" in refused.out


def test_a_type_of_another_cloud_with_azures_words_is_told_too(run: Run, written: Write) -> None:
    ran = run("check", *CLUSTER, "-f", written(workspace(resource={**SELECTOR, "instanceType": "Standard_NC4_A2"})))
    assert ran.code == 0
    assert "it is a type of arc: put `cloud: arc` into the settings" in ran.out


def test_no_hint_offers_a_type_that_nobody_can_have(run: Run, written: Write) -> None:
    ran = run("check", *CLUSTER, "-f", written(workspace(resource={**SELECTOR, "instanceType": "Standard_NC6s_v4"})))
    assert "Standard_NC6s_v3" not in ran.out


def test_nodes_of_ones_own_are_offered_where_no_type_is_named(run: Run, written: Write) -> None:
    ran = run("check", *CLUSTER, "-f", written(workspace(resource=SELECTOR)))
    assert ran.code == 2
    assert "for nodes of your own write resource.provisioner: byo" in ran.out


def test_nodes_by_name_are_not_used_and_that_is_told(run: Run, written: Write) -> None:
    resource = {**SELECTOR, "instanceType": MACHINE, "preferredNodes": ["node-1"]}
    ran = run("check", *CLUSTER, "-f", written(workspace(resource=resource)))
    assert ran.code == 0
    assert "resource.preferredNodes: is not used: nodes are found by their labels" in ran.out


def test_a_field_in_the_wrong_place_is_sent_to_its_own_part(run: Run, written: Write) -> None:
    preset = {"name": "llama-3.1-8b-instruct", "modelAccessSecret": "s"}
    ran = run("check", *CLUSTER, "-f", written(workspace(inference={"preset": preset})))
    assert "did you mean 'inference.preset.presetOptions.modelAccessSecret'?" in ran.err


def test_a_plan_says_what_fills_the_memory_to_the_end_of_the_line(run: Run, written: Write) -> None:
    shown = run("plan", *CLUSTER, "-f", written(workspace())).out
    assert "…" not in shown
    assert "undated, " not in shown


def test_a_name_in_place_of_a_mapping_and_a_mapping_in_place_of_a_name(run: Run, written: Write) -> None:
    ran = run("check", *CLUSTER, "-f", written(workspace(inference={"preset": "phi-4"})))
    assert "inference.preset: must be a mapping, not the text 'phi-4' (preset: {name: phi-4})" in ran.err
    data = {"image": "r.example/d:1", "imagePullSecrets": [{"name": "s"}]}
    ran = run("check", *CLUSTER, "-f", written(tuning(input=data)))
    assert "tuning.input.imagePullSecrets[0]: must be text, not a mapping (write its name alone: s)" in ran.err


def test_too_little_memory_is_told_and_no_hint_leads_in_a_circle(run: Run, written: Write) -> None:
    resource = {**SELECTOR, "instanceType": "Standard_NC4as_T4_v3"}
    ran = run("check", *CLUSTER, "-f", written(workspace(resource=resource)))
    assert "runtime: vllm" not in ran.out
    two = run("check", *CLUSTER, "-f", written(workspace(resource={**resource, "count": 2})))
    assert "phi-4 does not fit on one node, and hf serves from one node only (take a larger type)" in two.out


@pytest.mark.parametrize("text", ["<your-vm-sku>", "${VM_SKU}", "VM_SKU_HERE"])
def test_a_placeholder_for_a_type_is_told_as_one(text: str, run: Run, written: Write) -> None:
    ran = run("check", *CLUSTER, "-f", written(workspace(resource={**SELECTOR, "instanceType": text})))
    assert ran.code == 2
    assert f"resource.instanceType: still to be filled in: {text}" in ran.out
    assert "unknown" not in ran.out


@pytest.mark.parametrize("text", ["<YOUR_ACR>.azurecr.io/out:1", "${ACR}/out:1", "<your acr>/out:1"])
def test_a_placeholder_in_an_image_is_told_as_one(text: str, run: Run, written: Write) -> None:
    ran = run("check", *CLUSTER, "-f", written(tuning(output={"image": text, "imagePushSecret": "s"})))
    assert "tuning.output.image: still to be filled in: " in ran.out
    assert "no image's name" not in ran.out


def test_a_type_of_another_cloud_names_the_setting(run: Run, written: Write) -> None:
    path = written(workspace(resource={**SELECTOR, "instanceType": "g5.4xlarge"}))
    ran = run("check", *CLUSTER, "-f", path)
    assert ran.code == 2
    assert "it is a type of aws: put `cloud: aws` into the settings" in ran.out


def test_an_annotation_that_nothing_reads_is_named(run: Run, written: Write) -> None:
    metadata = {"name": "w", "annotations": {"kaito.sh/enable-lb": "True", "kaito.sh/runtime": "vllm", "a.b/c": "d"}}
    ran = run("check", *CLUSTER, "-f", written(workspace(metadata=metadata)))
    assert ran.code == 0
    assert 'metadata.annotations["kaito.sh/enable-lb"]: nothing reads this annotation' in ran.out
    assert "did you mean 'kaito.sh/enablelb'?" in ran.out
    assert len(ran.out.splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "label"), [("no", "a"), ("0123", "a"), ("w", "yes"), ("w", "Off"), ("w", "1_000"), ("w", "y")]
)
def test_a_text_that_kubectl_reads_otherwise_wants_quotes(name: str, label: str, run: Run, written: Write) -> None:
    text = workspace().replace("  name: w", f"  name: {name}\n  labels: {{apps: {label}}}")
    ran = run("check", *CLUSTER, "-f", written(text))
    path, word = ("metadata.labels.apps", label) if name == "w" else ("metadata.name", name)
    assert f'{path}: kubectl takes {word} without quotes for another value (put quotes around it: "{word}")' in ran.out
    quoted = text.replace(f"name: {name}\n", f"name: '{name}'\n").replace(f"apps: {label}}}", f"apps: '{label}'}}")
    assert "quotes" not in run("check", *CLUSTER, "-f", written(quoted)).out


@pytest.mark.parametrize("text", ["{{ .Values.x }}", "$(MODEL)", "{{x}}"])
def test_a_placeholder_of_a_template_is_told_as_one(text: str, run: Run, written: Write) -> None:
    typed = workspace(resource={"instanceType": text, **SELECTOR})
    for document, path in (
        (typed, "resource.instanceType"),
        (workspace(name=text), "metadata.name"),
        (workspace(inference={"preset": {"name": text}}), "inference.preset.name"),
    ):
        ran = run("check", *CLUSTER, "-f", written(document))
        assert ran.code == 2
        assert f"{path}: still to be filled in: {text}" in ran.out


@pytest.mark.parametrize("name", [f"{MACHINE} ", f" {MACHINE}", "Standard_NC24ads A100 v4"])
def test_a_type_that_no_node_can_be_labelled_with_is_refused(name: str, run: Run, written: Write) -> None:
    ran = run("check", *CLUSTER, "-f", written(workspace(resource={"instanceType": name, **SELECTOR})))
    assert ran.code == 2
    assert f"did you mean '{MACHINE}'" in ran.out


def test_a_type_without_gpus_is_told(run: Run, written: Write) -> None:
    """KAITO takes any type of the D series, and the pod then waits for a GPU for ever."""
    ran = run("check", *CLUSTER, "-f", written(workspace(resource={"instanceType": "Standard_DS2_v2", **SELECTOR})))
    assert ran.code == 0
    assert "'Standard_DS2_v2' is of a series of Azure without GPUs" in ran.out


def test_a_name_that_the_server_would_make_is_none(run: Run, written: Write) -> None:
    ran = run("check", *CLUSTER, "-f", written(workspace(metadata={"generateName": "phi-"})))
    assert ran.code == 2
    assert "metadata.name: is required (generateName is for `kubectl create` alone)" in ran.out
