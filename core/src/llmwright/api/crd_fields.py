"""The fields that a CustomResourceDefinition of Workspaces has, to tell ours from another's or from an older one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmwright.api.crd import crd


def lacking_fields(installed: Mapping[str, Any]) -> list[str]:
    """Return the fields of this version, as ``v1beta1.resource.provisioner``, that ``installed`` does not have.

    The API server drops what a definition does not have from every Workspace that is written.
    """
    return sorted(set(_fields(crd())) - set(_fields(installed)))


def _fields(definition: Mapping[str, Any]) -> Iterator[str]:
    for version in definition["spec"]["versions"]:
        yield from _paths((version.get("schema") or {}).get("openAPIV3Schema") or {}, version["name"])


def _paths(schema: Mapping[str, Any], above: str) -> Iterator[str]:
    for name, part in (schema.get("properties") or {}).items():
        path = f"{above}.{name}"
        yield path
        yield from _paths(part.get("items") or part, path)
