"""Upstream's node counts, machines and parallel sizes, compared with those of the functions that the CLI uses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.conformance.outcome import Outcome

from llmwright.api.served_name import served_name
from llmwright.api.workspace import Workspace
from llmwright.catalogue.catalogue import Catalogue
from llmwright.catalogue.node_labels import instance_type_of_labels, mig_is_active
from llmwright.catalogue.quantity import parse_bytes
from llmwright.catalogue.unknown_name import has_prefix
from llmwright.errors import LLMwrightError, NotYet
from llmwright.plan.machine_choice import named_machine
from llmwright.plan.plan_input import preset_spec
from llmwright.plan.workload import requested_nodes
from llmwright.plugins.registry import Registry
from llmwright.settings.model import Settings
from llmwright.sizing.node_count import node_count
from llmwright.sizing.parallelism import Parallelism, fits_half_a_gpu, parallelism
from llmwright.values.instance_type import InstanceType
from llmwright.values.preset import Preset

Case = Mapping[str, Any]
REFUSED = "an error"


def outcomes(cases: Path, fixtures: Path | None) -> Iterator[Outcome]:
    """Yield one outcome for each line of ``cases``."""
    for line in cases.read_text(encoding="utf-8").splitlines():
        if line.strip():
            case = json.loads(line)
            yield KINDS.get(case["kind"], _skipped)(case)


def _skipped(case: Case) -> Outcome:
    return Outcome(_name(case), "skipped")


def _name(case: Case) -> str:
    if "model" in case:
        return f"{case['model']} on {case['cloud']}/{case['sku']} with {case['context']} tokens"
    return str(case.get("source") or case.get("name") or case["kind"])


def _compare(case: Case, expected: object, got: object) -> Outcome:
    return Outcome(_name(case), "passed" if expected == got else "failed", str(expected), str(got))


@cache
def _catalogue() -> Catalogue:
    return Catalogue.of_plugins(Registry().hooks())


def _computed(case: Case) -> Outcome:
    """Nodes, and how the model is spread; a model that no pack has is taken as the case describes it."""
    fixture = {"model_file_size": case["model_file_size"], "bytes_per_token": case["bytes_per_token"]}
    preset = _catalogue().find_preset(case["model"]) or _preset(case["model"], fixture)
    expected: object = REFUSED
    if not case["expect_error"]:
        expected = case["expect_nodes"], _expected_parallelism(case["launch"])
    try:
        machine = _catalogue().instance_type(case["sku"], case["cloud"])
        nodes = node_count(preset, machine, case["context"])
    except LLMwrightError:
        return _compare(case, expected, REFUSED)
    return _compare(case, expected, (nodes, parallelism(preset.weight_bytes, machine, nodes)))


def _expected_parallelism(launch: Mapping[str, str]) -> Parallelism:
    sizes = [int(launch.get(f"{kind}-parallel-size", 1)) for kind in ("tensor", "pipeline", "data")]
    return Parallelism(*sizes)


def _upstream_test(case: Case) -> Outcome:
    """A Workspace and its node count. What nodes there are is not in a case: one that needs to know is skipped."""
    expected = REFUSED if case["expect_error"] else case["expect_nodes"]
    try:
        return _compare(case, expected, _nodes(case))
    except NotYet:
        return _compare(case, expected, REFUSED) if case["expect_error"] else _skipped(case)
    except LLMwrightError:
        return _compare(case, expected, REFUSED)


def _nodes(case: Case) -> int:
    resource = {key: value for key, value in case["workspace"]["resource"].items() if value is not None}
    if case["byo"]:
        resource.pop("instanceType", None)
    document = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": "ws"}}
    workspace = Workspace.model_validate({**document, **case["workspace"], "resource": resource})
    spec = preset_spec(workspace)
    if spec is None:
        return requested_nodes(workspace)
    preset = _preset(spec.name, case["model_fixture"])
    site = named_machine(workspace, _catalogue(), Settings(cloud=case["cloud"]), "kubernetes", None)
    return node_count(preset, site.machine, case["extra"].get("context"), single_device=site.single_device)


def _preset(name: str, fixture: Mapping[str, Any]) -> Preset:
    return Preset(
        name=name,
        source="hf://fixture/model",
        parameters=1,
        weight_bytes=parse_bytes(fixture["model_file_size"]),
        context=131072,
        kv_bytes_per_token=fixture["bytes_per_token"],
        distributable=True,
    )


def _machine_test(outer: Case) -> Outcome:
    case = outer["case"]
    if "prefixes" in case:
        return _compare(outer, case["expected"], has_prefix(case["skuName"], case["prefixes"]))
    if "sku" in case:
        machine = _catalogue().instance_type(case["sku"])
        return _compare(outer, parse_bytes(case["expectedMemGiB"]), machine.gpus * machine.gpu_memory_bytes)
    if "node" in case:
        return _compare(outer, _expected_machine(case), _labelled(case["node"]["metadata"]))
    return _skipped(outer)


def _labelled(metadata: Mapping[str, Any]) -> object:
    labels = metadata.get("labels", {})
    try:
        machine = instance_type_of_labels(labels, node=metadata["name"])
    except LLMwrightError:
        return REFUSED
    major, minor = machine.compute_capability or (0, 0)
    memory = machine.gpus * machine.gpu_memory_bytes
    return machine.gpus, memory, machine.gpu_model, float(f"{major}.{minor}"), mig_is_active(labels)


def _expected_machine(case: Mapping[str, Any]) -> object:
    if case["wantErr"]:
        return REFUSED
    found = case["expected"]
    memory = parse_bytes(found["GPUMem"])
    return found["GPUCount"], memory, found["GPUModel"], float(found["CUDAComputeCapability"]), found["IsMIG"]


def _command_test(outer: Case) -> Outcome:
    case = outer["case"]
    if "expectedServed" in case:
        return _compare(outer, case["expectedServed"], f"served-model-name={_served(case)}")
    if "skuNumGPUs" in case:
        size = case["totalSafeTensorFileSize"] or case["modelFileSize"]
        return _compare(outer, case["expected"], fits_half_a_gpu(parse_bytes(size) if size else 0, _machine(case)))
    return _skipped(outer)


def _served(case: Mapping[str, Any]) -> str:
    metadata = {"name": "ws", "labels": case["workspaceLabels"] or {}}
    document = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": metadata}
    fixture = {"model_file_size": "1Gi", "bytes_per_token": 0}
    return served_name(Workspace.model_validate(document), _preset(case["vllmModelName"], fixture).name)


def _machine(case: Mapping[str, Any]) -> InstanceType | None:
    if case["gpuConfig"] is None:
        return None
    gpus = case["skuNumGPUs"]
    memory = parse_bytes(case["gpuConfig"]["GPUMem"]) // gpus
    return InstanceType(name="case", cloud="azure", gpus=gpus, gpu_memory_bytes=memory)


KINDS: Mapping[str, Callable[[Case], Outcome]] = {
    "computed-by-upstream": _computed,
    "upstream-test": _upstream_test,
    "sku-test": _machine_test,
    "command-test": _command_test,
}
