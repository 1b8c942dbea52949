"""The table of ``docs/objects.md`` that says what an edit does, and an edit of each of its fields."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Object = dict[str, Any]
Effect = Literal[
    "not applied",
    "rolled",
    "scaled",
    "tuned again",
    "nothing",
    "Service",
    "onSuccess",
    "ttl",
    "suspend",
    "rollout",
]

DOCUMENT = Path(__file__).parents[2] / "docs" / "objects.md"
HEADING = "| field | CRD | webhook | what it does |"

EFFECTS: Mapping[str, Effect] = {
    "not applied": "not applied",
    "nothing reads it": "nothing",
    "read at admission only": "nothing",
    "the server is rolled": "rolled",
    "nodes and pods are added or given back": "scaled",
    "it is tuned again": "tuned again",
    "the result is served, or its node given back": "onSuccess",
    "the node is given back at another time": "ttl",
    "the Service becomes a load balancer, or no longer is one": "Service",
    "moves to a plan of today, as below": "rollout",
    "keeps tuning from starting": "suspend",
}
"""The words of the table, as what a test looks for."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the field, and what becomes of an edit."""

    field: str
    crd: str
    webhook: str
    effect: Effect


def rows() -> tuple[Row, ...]:
    """Return the rows of the table."""
    _, _, below = DOCUMENT.read_text().partition(f"{HEADING}\n")
    lines = below.splitlines()[1:]
    table = lines[: next(number for number, line in enumerate(lines) if not line.startswith("|"))]
    return tuple(_row(*(cell.strip() for cell in line.strip("|").split("|"))) for line in table)


def _row(field: str, crd: str, webhook: str, words: str) -> Row:
    return Row(field.replace("`", ""), crd, webhook, EFFECTS[words.partition(";")[0]])


SERVE: Object = {
    "apiVersion": "kaito.sh/v1beta1",
    "kind": "Workspace",
    "metadata": {"name": "ws", "namespace": "default"},
    "resource": {
        "count": 1,
        "instanceType": "Standard_NC24ads_A100_v4",
        "labelSelector": {"matchLabels": {"apps": "ws"}},
    },
    "inference": {"preset": {"name": "phi-3-mini-4k-instruct"}},
}
POD: Object = {"spec": {"containers": [{"name": "own", "image": "registry.example/own:1"}]}}
TEMPLATE: Object = {**SERVE, "inference": {"template": POD}}
TUNE: Object = {
    **{part: SERVE[part] for part in ("apiVersion", "kind", "metadata", "resource")},
    "tuning": {
        "preset": {"name": "phi-3-mini-128k-instruct"},
        "method": "qlora",
        "input": {"urls": ["https://example.com/data.parquet"]},
        "output": {"image": "registry.example.com/out:1", "imagePushSecret": "push"},
    },
}
TUNE_FROM_IMAGE: Object = {
    **TUNE,
    "tuning": {**TUNE["tuning"], "input": {"image": "registry.example.com/data:1", "imagePullSecrets": ["pull"]}},
}
TUNE_FROM_VOLUME: Object = {
    **TUNE,
    "tuning": {
        **TUNE["tuning"],
        "input": {"volumeSource": {"persistentVolumeClaim": {"claimName": "data"}}},
        "output": {"volumeSource": {"persistentVolumeClaim": {"claimName": "results"}}},
    },
}
ROLE = "kaito.sh/inference-role"

EDITS: Mapping[str, tuple[Object, Object]] = {
    "resource.count": (SERVE, {"resource": {"count": 2}}),
    "resource.instanceType": (SERVE, {"resource": {"instanceType": "Standard_NC48ads_A100_v4"}}),
    "resource.labelSelector": (SERVE, {"resource": {"labelSelector": {"matchLabels": {"apps": "other"}}}}),
    "resource.preferredNodes": (SERVE, {"resource": {"preferredNodes": ["node-1"]}}),
    "resource.partition": (SERVE, {"resource": {"partition": {"mode": "mig", "profile": "1g.10gb"}}}),
    "resource.provisioner": (SERVE, {"resource": {"provisioner": "byo"}}),
    "resource.provisionerConfig": (SERVE, {"resource": {"provisionerConfig": {"mode": "nodepool"}}}),
    "inference.preset": (SERVE, {"inference": {"preset": {"name": "phi-4"}}}),
    "inference.template": (
        TEMPLATE,
        {"inference": {"template": {"spec": {"containers": [{"name": "own", "image": "registry.example/own:2"}]}}}},
    ),
    "inference.config": (SERVE, {"inference": {"config": "mine"}}),
    "inference.adapters": (
        SERVE,
        {"inference": {"adapters": [{"source": {"name": "a", "image": "registry.example.com/a:1"}}]}},
    ),
    "inference.runtime": (SERVE, {"inference": {"runtime": "hf"}}),
    "inference.runtimeConfig": (SERVE, {"inference": {"runtimeConfig": {"maxModelLen": 2048}}}),
    "inference.replicas": (SERVE, {"inference": {"replicas": 2}}),
    "inference.autoscaling": (SERVE, {"inference": {"autoscaling": {"minReplicas": 2, "maxReplicas": 3}}}),
    "tuning.preset": (TUNE, {"tuning": {"preset": {"name": "phi-4-mini-instruct"}}}),
    "tuning.method": (TUNE, {"tuning": {"method": "lora"}}),
    "tuning.methodConfig": (TUNE, {"tuning": {"methodConfig": {"max_steps": 4}}}),
    "tuning.config": (TUNE, {"tuning": {"config": "mine"}}),
    "tuning.input.name": (TUNE, {"tuning": {"input": {"name": "other"}}}),
    "tuning.input.urls": (TUNE, {"tuning": {"input": {"urls": ["https://example.com/other.parquet"]}}}),
    "tuning.input.image": (TUNE_FROM_IMAGE, {"tuning": {"input": {"image": "registry.example.com/data:2"}}}),
    "tuning.input.imagePullSecrets": (TUNE_FROM_IMAGE, {"tuning": {"input": {"imagePullSecrets": ["other"]}}}),
    "tuning.input.volumeSource": (
        TUNE_FROM_VOLUME,
        {"tuning": {"input": {"volumeSource": {"persistentVolumeClaim": {"claimName": "other"}}}}},
    ),
    "tuning.output.image": (TUNE, {"tuning": {"output": {"image": "registry.example.com/out:2"}}}),
    "tuning.output.imagePushSecret": (TUNE, {"tuning": {"output": {"imagePushSecret": "other"}}}),
    "tuning.output.volumeSource": (
        TUNE_FROM_VOLUME,
        {"tuning": {"output": {"volumeSource": {"persistentVolumeClaim": {"claimName": "other"}}}}},
    ),
    "tuning.onSuccess": (TUNE, {"tuning": {"onSuccess": "release"}}),
    "tuning.ttlSecondsAfterFinished": (TUNE, {"tuning": {"ttlSecondsAfterFinished": 60}}),
    "annotation kaito.sh/runtime": (SERVE, {"metadata": {"annotations": {"kaito.sh/runtime": "transformers"}}}),
    "annotation kaito.sh/performance-mode": (
        SERVE,
        {"metadata": {"annotations": {"kaito.sh/performance-mode": "throughput"}}},
    ),
    "annotation kaito.sh/use-local-weights": (
        SERVE,
        {"metadata": {"annotations": {"kaito.sh/use-local-weights": "true"}}},
    ),
    "annotation kaito.sh/enablelb": (SERVE, {"metadata": {"annotations": {"kaito.sh/enablelb": "True"}}}),
    "annotation kaito.sh/node-image-family": (
        SERVE,
        {"metadata": {"annotations": {"kaito.sh/node-image-family": "azurelinux"}}},
    ),
    "annotation kaito.sh/node-class-name": (SERVE, {"metadata": {"annotations": {"kaito.sh/node-class-name": "own"}}}),
    "annotation kaito.sh/bypass-resource-checks": (
        SERVE,
        {"metadata": {"annotations": {"kaito.sh/bypass-resource-checks": "true"}}},
    ),
    "annotation kaito.sh/model-streaming": (
        SERVE,
        {"metadata": {"annotations": {"kaito.sh/model-streaming": "disabled"}}},
    ),
    "annotation llmwright.io/rollout": (SERVE, {"metadata": {"annotations": {"llmwright.io/rollout": "1"}}}),
    "annotation llmwright.io/suspend": (TUNE, {"metadata": {"annotations": {"llmwright.io/suspend": "true"}}}),
    "label kaito.sh/inference-role": (SERVE, {"metadata": {"labels": {"kaito.sh/inference-role": "decode"}}}),
    "label inferenceset.kaito.sh/created-by": (
        SERVE,
        {"metadata": {"labels": {"inferenceset.kaito.sh/created-by": "answers"}}},
    ),
    "label multiroleinference.kaito.sh/created-by": (
        SERVE,
        {"metadata": {"labels": {"multiroleinference.kaito.sh/created-by": "answers"}}},
    ),
    "any other label or annotation": (
        SERVE,
        {"metadata": {"labels": {"team": "search"}, "annotations": {"example.com/note": "hello"}}},
    ),
}
"""For each field a Workspace, and the merge patch that edits it."""


def merged(target: Any, patch: Any) -> Any:
    """Return what a JSON merge patch (RFC 7386) makes of ``target``."""
    if not isinstance(patch, Mapping):
        return json.loads(json.dumps(patch))
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
