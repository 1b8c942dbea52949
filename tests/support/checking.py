"""CheckInputs with a few invented presets and machines, and Workspaces to check."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from llmwright.api.document import Document, parse_workspace
from llmwright.api.workspace import Workspace
from llmwright.artifacts.addresses import SourceRules, check_url
from llmwright.artifacts.image_reference import reference_problem
from llmwright.check import CatalogueFacts, CheckInput, ClusterFacts, DriverFacts, PolicyFacts
from llmwright.errors import Problem
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.registry import Registry
from llmwright.values.instance_type import InstanceType
from llmwright.values.preset import Preset

GIB = 1024**3

Check = Callable[..., tuple[Problem, ...]]


def invented(name: str, gib: int, **fields: Any) -> Preset:
    base: dict[str, Any] = {
        "source": f"hf://org/{name}",
        "runtimes": ("vllm", "hf"),
        "parameters": 1,
        "context": 4096,
        "kv_bytes_per_token": 1,
        **fields,
    }
    return Preset(name=name, weight_bytes=gib * GIB, **base)


PRESETS = {
    preset.name: preset
    for preset in (
        invented("small", 8),
        invented("large", 100, distributable=True),
        invented("gated", 8, gated=True),
        invented("vllm-only", 8, runtimes=("vllm",)),
        invented("image", 8, source="oci://r.example.com/image:1"),
        invented("private-image", 8, source="oci://r.example.com/private:1", gated=True),
    )
}
MACHINES = {
    machine.name.lower(): machine
    for machine in (
        InstanceType(name="Standard_NC24ads_A100_v4", cloud="azure", gpus=1, gpu_memory_bytes=80 * GIB),
        InstanceType(name="Small_T4", cloud="azure", gpus=2, gpu_memory_bytes=4 * GIB),
        InstanceType(
            name="Standard_NC6s_v3",
            cloud="azure",
            gpus=1,
            gpu_memory_bytes=16 * GIB,
            retired=True,
            successor="Standard_NC24ads_A100_v4",
        ),
    )
}

SERVE: dict[str, Any] = {
    "apiVersion": "kaito.sh/v1beta1",
    "kind": "Workspace",
    "metadata": {"name": "ws", "namespace": "team"},
    "resource": {
        "instanceType": "Standard_NC24ads_A100_v4",
        "labelSelector": {"matchLabels": {"apps": "ws"}},
    },
    "inference": {"preset": {"name": "small"}},
}
TUNE: dict[str, Any] = {
    **{key: SERVE[key] for key in ("apiVersion", "kind", "metadata", "resource")},
    "tuning": {
        "preset": {"name": "small"},
        "method": "qlora",
        "input": {"urls": ["https://example.com/data.parquet"]},
        "output": {"image": "registry.example.com/out:1", "imagePushSecret": "push"},
    },
}


def edit(workspace: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy with values at dotted paths replaced; ``...`` removes. A key that holds dots is written in brackets."""
    copy: dict[str, Any] = json.loads(json.dumps(workspace))
    for path, value in changes.items():
        head, _, annotation = path.partition("[")
        *parents, name = [*head.split("."), *([annotation[:-1]] if annotation else [])]
        part = copy
        for parent in parents:
            part = part.setdefault(parent, {})
        if value is ...:
            part.pop(name, None)
        else:
            part[name] = value
    return copy


def workspace_of(data: dict[str, Any]) -> Workspace:
    return parse_workspace(Document(data))


INSTALLED = DriverSet.of_registry(Registry())
RECORDS: dict[str, Any] = {
    "catalogue": CatalogueFacts,
    "drivers": DriverFacts,
    "cluster": ClusterFacts,
    "policy": PolicyFacts,
}


def inputs_of(written: Workspace, old: Workspace | None = None, **facts: Any) -> CheckInput:
    """A CheckInput with invented presets and machines and the installed drivers; ``facts`` go into its records."""
    target = facts.pop("target", "kubernetes")
    known: dict[str, Any] = {
        "find_preset": PRESETS.get,
        "preset_names": lambda: PRESETS,
        "find_instance_type": lambda name: MACHINES.get(name.lower()),
        "instance_type_names": lambda: [machine.name for machine in MACHINES.values()],
        "installed": INSTALLED,
        "image_problem": reference_problem,
        "url_problem": lambda url: check_url(url, SourceRules(), local=target == "local"),
    }
    known |= facts
    records: dict[str, Any] = {
        name: record(**{key: known.pop(key) for key in record.__dataclass_fields__ if key in known})
        for name, record in RECORDS.items()
    }
    assert not known
    return CheckInput(written=written, old=old, target=target, **records)
