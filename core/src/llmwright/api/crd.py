"""The CustomResourceDefinition ``workspaces.kaito.sh``, generated from the models that also read the YAML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmwright.api.cel_rules import cel_rules
from llmwright.api.crd_columns import printer_columns
from llmwright.api.structural_schema import OPEN, Schema, structural
from llmwright.api.versions import ABSENT, API_VERSIONS, V1ALPHA1, V1ALPHA1_INSTANCE_TYPE
from llmwright.api.workspace import Workspace

__all__ = ["GROUP", "NAME", "crd", "printer_columns"]

GROUP = "kaito.sh"
NAME = f"workspaces.{GROUP}"

DEFAULTS: Mapping[tuple[str, ...], Any] = {
    ("resource", "count"): 1,
    ("spec",): {},
    ("spec", "replicas"): 1,
    ("inference", "autoscaling", "minReplicas"): 1,
    ("inference", "preset", "accessMode"): "public",
    ("tuning", "preset", "accessMode"): "public",
}
REQUIRED: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("resource",): ("labelSelector",),
    ("tuning",): ("input", "output"),
}
"""Fields that are required on a cluster and optional on one machine."""

OBJECT_NAME = {"pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$|_HERE|<.+>|[$][{]", "maxLength": 253}
"""A name that a ConfigMap can have; empty for none. The operator tells placeholders, which pass here."""

OBJECT_NAMES: tuple[tuple[str, ...], ...] = (("inference", "config"), ("tuning", "config"))
"""Fields that name a ConfigMap."""

SCALE = {
    "specReplicasPath": ".spec.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.selector",
}

OPTIONS_OF = {
    "provisioner": ("resource", "provisionerConfig"),
    "runtime": ("inference", "runtimeConfig"),
    "tuner": ("tuning", "methodConfig"),
}

NOT_YET_SEEN = {"observedGeneration": -1}
"""The status before the first pass. Without it, programs that wait as kstatus does (`helm --wait`) would not wait."""

LEAST_COUNT = 1
"""The least of ``resource.count``, which `check` holds in words of its own, also where no API server is asked."""


def crd(with_plugins: Mapping[str, Mapping[str, Any]] | None = None, *, options_fixed: bool = True) -> dict[str, Any]:
    """Return the CustomResourceDefinition as plain data, with both versions; ``v1beta1`` is stored.

    Args:
        with_plugins: JSON schemas of the drivers' options by ``kind/name`` (``runtime/vllm``). They describe the open
            objects, which stay open: another field decides whose options are valid.
        options_fixed: whether no installed provisioner lets a key of its options change, so that CEL keeps them all.
    """
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": "Workspace",
                "listKind": "WorkspaceList",
                "plural": "workspaces",
                "singular": "workspace",
                "shortNames": ["wk", "wks"],
                "categories": ["workspace"],
            },
            "conversion": {"strategy": "None"},
            "versions": [
                _version(api_version, with_plugins or {}, options_fixed=options_fixed) for api_version in API_VERSIONS
            ],
        },
    }


def _version(api_version: str, plugins: Mapping[str, Mapping[str, Any]], *, options_fixed: bool) -> dict[str, Any]:
    version = api_version.partition("/")[2]
    return {
        "name": version,
        "served": True,
        "storage": api_version == API_VERSIONS[-1],
        "subresources": {"status": {}, "scale": dict(SCALE)},
        "additionalPrinterColumns": printer_columns(version),
        "schema": {"openAPIV3Schema": _schema(api_version, plugins, options_fixed=options_fixed)},
    }


def _schema(api_version: str, plugins: Mapping[str, Mapping[str, Any]], *, options_fixed: bool) -> Schema:
    schema = structural(Workspace.model_json_schema(by_alias=True))
    properties = schema["properties"]
    # The API server checks these itself, and refuses a CRD that restricts them further.
    properties["apiVersion"] = {"type": "string"}
    properties["kind"] = {"type": "string"}
    properties["metadata"] = {"type": "object"}
    _at(schema, ("resource", "count"))["minimum"] = LEAST_COUNT
    for path in ABSENT[api_version]:
        del _at(schema, path[:-1])["properties"][path[-1]]
    for path, value in DEFAULTS.items():
        _at(schema, path)["default"] = value
    if api_version == V1ALPHA1:
        _at(schema, ("resource", "instanceType"))["default"] = V1ALPHA1_INSTANCE_TYPE
    for path in (path for path in OBJECT_NAMES if path not in ABSENT[api_version]):
        named = _at(schema, path)
        named.get("items", named).update(OBJECT_NAME)
    for path, names in REQUIRED.items():
        part = _at(schema, path)
        part["required"] = sorted({*part.get("required", ()), *names})
    _at(schema, ("status",))["default"] = dict(NOT_YET_SEEN)
    schema.pop("required", None)
    _describe_options(schema, plugins)
    for path, cel in cel_rules(api_version, options_fixed=options_fixed).items():
        _at(schema, path)["x-kubernetes-validations"] = list(cel)
    return schema


def _at(schema: Schema, path: Iterable[str]) -> Schema:
    for name in path:
        schema = schema["properties"][name]
    return schema


def _describe_options(schema: Schema, plugins: Mapping[str, Mapping[str, Any]]) -> None:
    """Describe a key of an open object where all drivers that have the key agree on its type."""
    for kind, path in OPTIONS_OF.items():
        drivers = {name: structural(options) for name, options in plugins.items() if name.startswith(f"{kind}/")}
        merged: Schema = {}
        for driver in drivers.values():
            for key, part in driver.get("properties", {}).items():
                merged[key] = part if merged.get(key, part) == part else {OPEN: True}
        if merged:
            _at(schema, path)["properties"] = merged
