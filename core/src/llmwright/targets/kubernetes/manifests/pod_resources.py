"""Requests and limits of processors and memory, beside those of GPUs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmwright.sizing.pod_resources import PodResources
from llmwright.targets.kubernetes.manifests.render_input import Manifest

MIB = 1024**2

SMALL = PodResources(cpu=250, memory=512 * MIB, most_cpu=2000, most_memory=4096 * MIB)
"""The needs of a program that loads no model: the preflight's checks, and what stands beside a server."""


def with_resources(containers: Iterable[Mapping[str, Any]], resources: PodResources | None) -> list[Manifest]:
    """Return ``containers`` with ``resources`` for each; as they are where nothing is known."""
    if resources is None:
        return [dict(container) for container in containers]
    requests = {"cpu": _cpu(resources.cpu), "memory": _memory(resources.memory)}
    limits: Manifest = {}
    if resources.most_cpu is not None:
        limits["cpu"] = _cpu(resources.most_cpu)
    if resources.most_memory is not None:
        limits["memory"] = _memory(resources.most_memory)
    return [_with(container, requests, limits) for container in containers]


def _with(container: Mapping[str, Any], requests: Manifest, limits: Manifest) -> Manifest:
    given = container.get("resources", {})
    parts = {
        "requests": {**requests, **given.get("requests", {})},
        "limits": {**limits, **given.get("limits", {})},
    }
    return {**container, "resources": {name: part for name, part in parts.items() if part}}


def _cpu(thousandths: int) -> str:
    return f"{thousandths}m" if thousandths % 1000 else str(thousandths // 1000)


def _memory(size: int) -> str:
    return f"{-(-size // MIB)}Mi"
