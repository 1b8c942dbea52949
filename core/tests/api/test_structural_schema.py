"""What the CRD requires, fills in and enumerates: KAITO's facts (v0.12, its generated CRD), and our own fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from llmwright.api.crd import crd

FACTS = ("default", "enum", "required")

KAITO: dict[str, dict[str, Any]] = {
    "resource": {"required": ["labelSelector"]},
    "resource.count": {"default": 1},
    "resource.labelSelector.matchExpressions[]": {"required": ["key", "operator"]},
    "inference.preset": {"required": ["name"]},
    "inference.preset.accessMode": {"default": "public", "enum": ["public", "private"]},
    "tuning": {"required": ["input", "output"]},
    "tuning.preset": {"required": ["name"]},
    "tuning.preset.accessMode": {"default": "public", "enum": ["public", "private"]},
}
OF_VERSION: dict[str, dict[str, dict[str, Any]]] = {
    "v1alpha1": {"resource.instanceType": {"default": "Standard_NC24ads_A100_v4"}},
    "v1beta1": {
        "resource.partition": {"required": ["mode"]},
        "resource.partition.mode": {"enum": ["mig", "accelerator"]},
    },
}
OURS = ("inference.replicas", "inference.autoscaling", "spec", "tuning.onSuccess", "tuning.ttlSecondsAfterFinished")


def facts(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the facts of each field that has some, by its path; the status is the operator's own."""
    for name, part in schema.get("properties", {}).items():
        for place, field in (
            (f"{path}.{name}".lstrip("."), part),
            (f"{path}.{name}[]".lstrip("."), part.get("items", {})),
        ):
            if place != "status":
                stated = {key: field[key] for key in FACTS if key in field}
                yield from [(place, stated)] if stated else []
                yield from facts(field, place)


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
def test_requirements_defaults_and_enumerations_are_kaitos(version: str) -> None:
    (schema,) = (each["schema"]["openAPIV3Schema"] for each in crd()["spec"]["versions"] if each["name"] == version)
    stated = {path: each for path, each in facts(schema) if not path.startswith((*OURS, "status"))}
    assert stated == KAITO | OF_VERSION[version]
