"""The Workspaces that users of a schedule write: every provisioner, both runtimes, one node and many, tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulation.storage import Object

INSTANCE_TYPE, GPUS = "Standard_NC24ads_A100_v4", 1
SMALL, OTHER, LARGE = "phi-4-mini-instruct", "qwen2.5-coder-7b-instruct", "gpt-oss-120b"
LENGTHS = (2048, 4096, 8192)
"""Contexts in tokens, of which users choose."""


@dataclass(frozen=True, slots=True)
class Form:
    """One kind of Workspace. ``nodes`` are those of one replica; none of them is ``kept`` after a tuning that releases.

    ``resource`` and ``purpose`` are parts of the YAML; ``lengths`` says whether users change its context.
    """

    purpose: Mapping[str, Any]
    resource: Mapping[str, Any] = field(default_factory=dict)
    nodes: int = 1
    most: int = 3
    kept: bool = True
    lengths: bool = False

    @property
    def tunes(self) -> bool:
        """Whether it tunes."""
        return "tuning" in self.purpose

    @property
    def brought(self) -> bool:
        """Whether its nodes are brought by users."""
        return self.resource.get("provisioner") == "byo"


def _serving(preset: str, **more: Any) -> Mapping[str, Any]:
    return {"inference": {"preset": {"name": preset}, **more}}


def _tuning(on_success: str) -> Mapping[str, Any]:
    return {
        "tuning": {
            "preset": {"name": SMALL},
            "method": "qlora",
            "input": {"urls": ["https://example.com/data.parquet"]},
            "output": {"image": "registry.example.com/out:1", "imagePushSecret": "push"},
            "onSuccess": on_success,
        }
    }


FORMS: Mapping[str, Form] = {
    "serving": Form(_serving(SMALL), lengths=True),
    "hf": Form(_serving(OTHER, runtime="hf")),
    "vllm": Form(_serving(OTHER, runtime="vllm"), lengths=True),
    "large": Form(_serving(LARGE), nodes=3, most=1),
    "pool": Form(_serving(SMALL), {"provisionerConfig": {"mode": "nodepool"}}),
    "tuning": Form(_tuning("serve"), most=1),
    "releasing": Form(_tuning("release"), most=1, kept=False),
    "brought": Form(_serving(SMALL), {"provisioner": "byo"}, lengths=True),
    "cloud": Form(_serving(SMALL), {"provisioner": "acme"}, most=2),
    "racks": Form(_serving(OTHER, runtime="hf"), {"provisioner": "racks"}, most=2),
}
"""By name. ``acme`` and ``racks`` are provisioners of third parties: ``third_party``."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One Workspace as its user wants it in the end. ``fails``: its data set is bad; ``brought``: nodes for it."""

    form: str
    replicas: int = 1
    length: int = 0
    fails: bool = False
    brought: int = 0

    @property
    def nodes(self) -> int:
        """The machines that it needs."""
        return FORMS[self.form].nodes * self.replicas

    @property
    def is_short(self) -> bool:
        """Whether fewer nodes were brought to it than it needs."""
        return FORMS[self.form].brought and self.brought < self.nodes

    @property
    def held(self) -> int:
        """The machines that are held for it in the end."""
        form = FORMS[self.form]
        if form.brought:
            return 0
        return self.nodes if form.kept or self.fails else 0

    def changed(self, **values: Any) -> Wish:
        """Return the wish after an edit."""
        return replace(self, **values)


def workspace_of(name: str, wish: Wish) -> Object:
    """Return the Workspace in which a user writes a wish."""
    form = FORMS[wish.form]
    purpose: dict[str, Any] = {part: dict(spec) for part, spec in form.purpose.items()}
    if not form.tunes:
        purpose["inference"] |= {"replicas": wish.replicas}
    resource = {"instanceType": INSTANCE_TYPE, "labelSelector": {"matchLabels": {"apps": name}}, **form.resource}
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": "default"},
        "resource": resource,
        **purpose,
    }
