"""The CRD: what it says, and what a real API server makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from tests.support.edit_table import EDITS, rows

from llmwright.api.crd import crd
from llmwright.api.crd_columns import printer_columns
from llmwright.api.workspace import OPEN_FIELDS

SERVE: dict[str, Any] = {
    "apiVersion": "kaito.sh/v1beta1",
    "kind": "Workspace",
    "metadata": {"name": "serve", "namespace": "default"},
    "resource": {
        "instanceType": "Standard_NC24ads_A100_v4",
        "labelSelector": {"matchLabels": {"apps": "serve"}},
    },
    "inference": {"preset": {"name": "phi-4"}},
}
TUNE: dict[str, Any] = {
    **{key: SERVE[key] for key in ("apiVersion", "kind", "resource")},
    "metadata": {"name": "tune", "namespace": "default"},
    "tuning": {
        "preset": {"name": "phi-4"},
        "method": "qlora",
        "input": {"urls": ["https://example.com/data.parquet"]},
        "output": {"image": "registry.example.com/out:1", "imagePushSecret": "push"},
    },
}
QUICK_START = """\
apiVersion: kaito.sh/v1alpha1
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
      - "https://huggingface.co/datasets/philschmid/dolly-15k-oai-style/resolve/main/data/train-00000-of-00001-54e3756291ca09c6.parquet?download=true"
  output:
    image: "ACR_REPO_HERE.azurecr.io/IMAGE_NAME_HERE:0.0.1"
    imagePushSecret: ACR_REGISTRY_SECRET_HERE
"""


def changed(workspace: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the value at a dotted path replaced, or removed for ``...``."""
    copy: dict[str, Any] = json.loads(json.dumps(workspace))
    *parents, name = path.split(".")
    part = copy
    for parent in parents:
        part = part.setdefault(parent, {})
    if value is ...:
        del part[name]
    else:
        part[name] = value
    return copy


def schema_of(version: str) -> dict[str, Any]:
    found = next(one for one in crd()["spec"]["versions"] if one["name"] == version)
    schema: dict[str, Any] = found["schema"]["openAPIV3Schema"]
    return schema


def walk(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for part in (*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")):
        if isinstance(part, dict):
            yield from walk(part)


def test_the_mission_s_columns_come_first() -> None:
    for version in ("v1alpha1", "v1beta1"):
        names = [column["name"].upper() for column in printer_columns(version) if not column.get("priority")]
        assert names == ["INSTANCE", "RESOURCEREADY", "INFERENCEREADY", "WORKSPACEREADY", "AGE"]
    wide = {column["name"] for column in printer_columns("v1beta1")}
    assert wide >= {"JobStarted", "WorkspaceSucceeded", "TargetNodeCount", "State"}


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
def test_the_schema_is_structural_and_every_field_explains_itself(version: str) -> None:
    for part in walk(schema_of(version)):
        assert "$ref" not in part
        assert "anyOf" not in part
        assert "type" in part or part.get("x-kubernetes-preserve-unknown-fields") is True
        for name, field in part.get("properties", {}).items():
            assert field.get("description") or name in ("apiVersion", "kind", "metadata"), name


def test_open_objects_are_open_and_known_by_name() -> None:
    found = {
        name
        for part in walk({**schema_of("v1beta1"), "properties": without_status()})
        for name, field in part.get("properties", {}).items()
        if field.get("x-kubernetes-preserve-unknown-fields")
    }
    assert found == OPEN_FIELDS


def without_status() -> dict[str, Any]:
    return {name: part for name, part in schema_of("v1beta1")["properties"].items() if name != "status"}


def test_versions_differ_as_upstream_s() -> None:
    old, new = schema_of("v1alpha1")["properties"], schema_of("v1beta1")["properties"]
    assert old["resource"]["properties"]["instanceType"]["default"] == "Standard_NC24ads_A100_v4"
    assert "default" not in new["resource"]["properties"]["instanceType"]
    assert "partition" not in old["resource"]["properties"]
    options = old["inference"]["properties"]["preset"]["properties"]["presetOptions"]["properties"]
    assert "modelAccessSecret" not in options
    assert "state" not in old["status"]["properties"]
    assert "provisionerConfig" in old["resource"]["properties"]


def test_plugins_type_the_open_objects() -> None:
    vllm = {"type": "object", "properties": {"depth": {"type": "integer"}, "shared": {"type": "string"}}}
    hf = {"type": "object", "properties": {"shared": {"type": "boolean"}}}
    found = crd({"runtime/vllm": vllm, "runtime/hf": hf})["spec"]["versions"][1]["schema"]["openAPIV3Schema"]
    options = found["properties"]["inference"]["properties"]["runtimeConfig"]
    assert options["properties"]["depth"] == {"type": "integer"}
    assert options["properties"]["shared"] == {"x-kubernetes-preserve-unknown-fields": True}
    assert options["x-kubernetes-preserve-unknown-fields"] is True


@pytest.fixture(scope="session")
def api(cluster: Any) -> Any:
    """The server with the CRD applied."""
    applied = cluster.kubectl("apply", "--server-side", "-f", "-", text=yaml.safe_dump(crd()))
    assert applied.returncode == 0, applied.stderr
    waited = cluster.kubectl("wait", "--for=condition=Established", "crd/workspaces.kaito.sh", "--timeout=60s")
    assert waited.returncode == 0, waited.stderr
    violations = cluster.kubectl("get", "crd", "workspaces.kaito.sh", "-o", "json").stdout
    assert "NonStructuralSchema" not in violations
    return cluster


def apply(api: Any, workspace: dict[str, Any] | str, *options: str) -> Any:
    text = workspace if isinstance(workspace, str) else yaml.safe_dump(workspace)
    return api.kubectl("apply", "--server-side", "--force-conflicts", *options, "-f", "-", text=text)


@pytest.mark.cluster
@pytest.mark.parametrize("workspace", [QUICK_START, SERVE, TUNE, changed(SERVE, "apiVersion", "kaito.sh/v1alpha1")])
def test_good_workspaces_apply(api: Any, workspace: dict[str, Any] | str) -> None:
    done = apply(api, workspace, "--dry-run=server")
    assert done.returncode == 0, done.stderr


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("name", "taken"), [("a.b-1", True), ("CONFIG_HERE", True), ("My_Config", False), ("a" * 254, False)]
)
def test_names_that_no_config_map_can_have_are_refused(api: Any, name: str, taken: bool) -> None:
    workspace = changed(SERVE, "inference.config", name)
    assert (apply(api, workspace, "--dry-run=server").returncode == 0) == taken


@pytest.mark.cluster
def test_defaults_are_set_by_the_server(api: Any) -> None:
    text = QUICK_START.replace('  instanceType: "Standard_NC6s_v3"\n', "")
    found = yaml.safe_load(apply(api, text, "--dry-run=server", "-o", "yaml").stdout)
    assert found["resource"]["instanceType"] == "Standard_NC24ads_A100_v4"
    assert found["resource"]["count"] == 1
    assert found["tuning"]["preset"]["accessMode"] == "public"


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("workspace", "words"),
    [
        (changed(SERVE, "inference", ...), "exactly one of inference and tuning"),
        (changed(SERVE, "tuning", TUNE["tuning"]), "exactly one of inference and tuning"),
        (changed(SERVE, "resource.labelSelector", ...), "labelSelector"),
        (changed(SERVE, "resource.instanceType", 5), "instanceType"),
        (changed(SERVE, "inference.preset", {}), "name"),
        (changed(SERVE, "inference.preset.accessMode", "secret"), "Unsupported value"),
        (changed(SERVE, "resource.partition", {"mode": "half"}), "Unsupported value"),
        (changed(SERVE, "resource.partition", {"mode": "mig", "count": 2}), "mode mig wants a profile and no count"),
        (changed(SERVE, "resource.partition", {"mode": "accelerator"}), "mode accelerator wants a count"),
        (changed(TUNE, "resource.count", 2), "tuning runs on one node"),
        (changed(TUNE, "resource.partition", {"mode": "mig", "profile": "1g.10gb"}), "cannot be used for tuning"),
        (changed(TUNE, "tuning.input", ...), "input"),
        (changed(SERVE, "inference.unknown", 1), "unknown"),
        (changed(SERVE, "resource.count", 5001), "less than or equal to 5000"),
        (changed(SERVE, "inference.replicas", 2_000_000_000), "less than or equal to 5000"),
        (changed(SERVE, "inference.autoscaling", {"minReplicas": 1}), "maxReplicas"),
        (changed(SERVE, "inference.autoscaling", {"maxReplicas": 5001}), "less than or equal to 5000"),
        (changed(SERVE, "inference.autoscaling", {"minReplicas": 3, "maxReplicas": 2}), "minReplicas is more than"),
        (changed(SERVE, "inference.autoscaling", {"maxReplicas": 2, "target": 0}), "target is more than 0"),
        (changed(SERVE, "inference.autoscaling", {"maxReplicas": 2, "by": "vpa"}), "Unsupported value"),
        (changed(SERVE, "inference.autoscaling", {"maxReplicas": 2, "metric": 'a"b'}), "should match"),
        (
            changed(changed(SERVE, "inference.autoscaling", {"maxReplicas": 2}), "inference.replicas", 3),
            "replicas is outside of the range",
        ),
    ],
)
def test_bad_workspaces_are_refused(api: Any, workspace: dict[str, Any], words: str) -> None:
    done = apply(api, workspace, "--dry-run=server")
    assert done.returncode != 0
    assert words in done.stderr


@pytest.mark.cluster
def test_what_is_fixed_cannot_be_changed(api: Any) -> None:
    for workspace in (SERVE, TUNE):
        done = apply(api, workspace)
        assert done.returncode == 0, done.stderr
    changes = [
        (changed(SERVE, "resource.count", 2), "count cannot be changed"),
        (changed(SERVE, "resource.instanceType", "Standard_X"), "instanceType cannot be changed"),
        (changed(SERVE, "resource.labelSelector", {"matchLabels": {"a": "b"}}), "labelSelector cannot be changed"),
        (changed(SERVE, "inference.preset.name", "phi-2"), "preset cannot be changed"),
        (changed(TUNE, "tuning.method", "lora"), "method cannot be changed"),
        (changed(TUNE, "tuning.preset.name", "phi-2"), "preset cannot be changed"),
        (changed(TUNE, "tuning.input.name", "other"), "name cannot be changed"),
        (changed({**SERVE, "tuning": TUNE["tuning"]}, "inference", ...), "cannot take each other's place"),
    ]
    for workspace, words in changes:
        done = apply(api, workspace, "--dry-run=server")
        assert done.returncode != 0, words
        assert words in done.stderr
    allowed = (changed(TUNE, "tuning.method", "QLoRA"), changed(SERVE, "inference.config", "mine"))
    for workspace in allowed:
        done = apply(api, workspace, "--dry-run=server")
        assert done.returncode == 0, done.stderr


PLAN = {"inputs": "i", "target": "kubernetes", "preset": "phi-4", "provisioner": "karpenter"}


@pytest.mark.cluster
def test_what_is_ours_is_fixed_once_a_plan_is_on_record(api: Any) -> None:
    ours = (
        (SERVE, "resource.provisioner", "karpenter", "byo"),
        (SERVE, "resource.provisionerConfig", {"mode": "nodeclaim"}, {"mode": "nodepool"}),
        (SERVE, "resource.provisionerConfig", {"nodeClassRef": {"name": "a"}}, {"nodeClassRef": {"name": "b"}}),
        (SERVE, "resource.provisionerConfig", {"mode": "nodeclaim"}, ...),
        (TUNE, "tuning.methodConfig", {"lora": {"r": 8}}, {"lora": {"r": 16}}),
        (TUNE, "tuning.methodConfig", {"lora": {"r": 8}}, ...),
    )
    for number, (base, path, before, after) in enumerate(ours):
        name = f"ours-{number}"
        old = changed(changed(base, path, before), "metadata.name", name)
        new = changed(old, path, after)
        assert apply(api, old).returncode == 0
        free = apply(api, new, "--dry-run=server")
        assert free.returncode == 0, (path, free.stderr)
        patch = json.dumps({"status": {"plan": PLAN}})
        planned = api.kubectl("patch", "wk", name, "--subresource=status", "--type=merge", "-p", patch)
        assert planned.returncode == 0, planned.stderr
        kept = apply(api, new, "--dry-run=server")
        assert kept.returncode != 0, (path, before, after)
        assert f"{path} cannot be changed any more" in kept.stderr
        touched = apply(api, changed(old, "metadata.labels", {"touched": "1"}), "--dry-run=server")
        assert touched.returncode == 0, touched.stderr


@pytest.mark.cluster
def test_the_rules_of_the_crd_are_those_of_the_table_in_the_docs(api: Any) -> None:
    bases = {id(base): (f"edited-{number}", base) for number, (base, _) in enumerate(EDITS.values())}
    for name, base in bases.values():
        assert apply(api, changed(base, "metadata.name", name)).returncode == 0
        patch = json.dumps({"status": {"plan": PLAN}})
        assert api.kubectl("patch", "wk", name, "--subresource=status", "--type=merge", "-p", patch).returncode == 0
    answers: dict[str, list[str]] = {}
    for version in ("v1alpha1", "v1beta1"):
        for row in rows():
            if (version, row.field) == ("v1alpha1", "resource.partition"):
                continue
            base, edit = EDITS[row.field]
            path = f"/apis/kaito.sh/{version}/namespaces/default/workspaces/{bases[id(base)][0]}?dryRun=All"
            code, text = api.merge(path, edit)
            assert code in (200, 422), text
            answers.setdefault(row.field, []).append("refused" if code == 422 else "")
    assert {field: set(found) for field, found in answers.items()} == {row.field: {row.crd} for row in rows()}


@pytest.mark.cluster
def test_a_provisioner_may_be_named_that_is_the_recorded_one(api: Any) -> None:
    old = changed(SERVE, "metadata.name", "recorded")
    assert apply(api, old).returncode == 0
    patch = json.dumps({"status": {"plan": PLAN}})
    api.kubectl("patch", "wk", "recorded", "--subresource=status", "--type=merge", "-p", patch)
    assert apply(api, changed(old, "resource.provisioner", "karpenter"), "--dry-run=server").returncode == 0
    other = apply(api, changed(old, "resource.provisioner", "byo"), "--dry-run=server")
    assert "resource.provisioner cannot be changed any more" in other.stderr


@pytest.mark.cluster
def test_names_columns_and_words_are_there(api: Any) -> None:
    assert apply(api, SERVE).returncode == 0
    status = {
        "conditions": [
            {"type": "ResourceReady", "status": "True", "reason": "r", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        ],
        "laterField": 1,
    }
    patch = json.dumps({"status": status})
    done = api.kubectl("patch", "wk", "serve", "--subresource=status", "--type=merge", "-p", patch)
    assert done.returncode == 0, done.stderr
    heading, row = api.kubectl("get", "wks", "serve").stdout.splitlines()
    assert heading.split() == ["NAME", "INSTANCE", "RESOURCEREADY", "INFERENCEREADY", "WORKSPACEREADY", "AGE"]
    assert row.split()[:3] == ["serve", "Standard_NC24ads_A100_v4", "True"]
    kept = json.loads(api.kubectl("get", "workspace", "serve", "-o", "json").stdout)
    assert kept["status"]["laterField"] == 1
    assert "plugin that tunes" in api.kubectl("explain", "workspace.tuning.method").stdout
