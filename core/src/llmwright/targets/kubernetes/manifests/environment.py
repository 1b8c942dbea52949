"""Environment variables of a container."""

from __future__ import annotations

from llmwright.targets.kubernetes.manifests import references
from llmwright.targets.kubernetes.manifests.render_input import Manifest
from llmwright.values.launch import Process, SecretKey

POD_INDEX = "POD_INDEX"


def environment(process: Process, known: dict[str, str], *, ranked: bool = False) -> list[Manifest]:
    """``env`` of ``process``; of several machines each is told its index."""
    found = [_variable(name, value, known) for name, value in process.env.items()]
    if ranked:
        index = "metadata.labels['apps.kubernetes.io/pod-index']"
        found.append({"name": POD_INDEX, "valueFrom": {"fieldRef": {"fieldPath": index}}})
    return found


def _variable(name: str, value: str | SecretKey, known: dict[str, str]) -> Manifest:
    if isinstance(value, SecretKey):
        key: Manifest = {"name": value.name, "key": value.key}
        if value.optional:
            key["optional"] = True
        return {"name": name, "valueFrom": {"secretKeyRef": key}}
    if value == references.ADDRESS:
        return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    return {"name": name, "value": references.filled(value, known)}
