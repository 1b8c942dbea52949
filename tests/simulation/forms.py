"""The Workspaces that users of a schedule write: every provisioner, both runtimes, one node and many, tuning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.simulation.node_source import NodeSource, written_in

from llmwright.testing.simulation.storage import Object

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
    def source(self) -> NodeSource:
        """Where its nodes come from, as it is written at first."""
        return written_in({"resource": self.resource})

    @property
    def runtime(self) -> str:
        """The runtime that is written at first, empty for none."""
        return str((self.purpose.get("inference") or {}).get("runtime", ""))

    @property
    def preset(self) -> str:
        """The model that it serves or tunes."""
        return str((self.purpose.get("inference") or self.purpose["tuning"])["preset"]["name"])


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
    "serving": Form(_serving(OTHER), lengths=True),
    "hf": Form(_serving(OTHER, runtime="hf"), lengths=True),
    "vllm": Form(_serving(OTHER, runtime="vllm"), lengths=True),
    "large": Form(_serving(LARGE), nodes=3, most=1),
    "pool": Form(_serving(SMALL), {"provisionerConfig": {"mode": "nodepool"}}),
    "tuning": Form(_tuning("serve"), most=1),
    "releasing": Form(_tuning("release"), most=1, kept=False),
    "brought": Form(_serving(OTHER), {"provisioner": "byo"}, lengths=True),
    "cloud": Form(_serving(OTHER), {"provisioner": "acme"}, most=2),
    "racks": Form(_serving(OTHER, runtime="hf"), {"provisioner": "racks"}, most=2),
}
"""By name. ``acme`` and ``racks`` are provisioners of third parties: ``third_party``."""

DEFAULT_RUNTIME = "vllm"
REFUSED: Mapping[tuple[str, str], str] = {(SMALL, "hf"): "NotSupported", (LARGE, "hf"): "InsufficientMemory"}
"""Models that a runtime cannot serve here, and the reason that the status gives."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One Workspace as its user wants it in the end.

    ``fails``: its data set is bad; ``brought``: nodes for it. An empty ``runtime`` leaves the choice open.
    """

    form: str
    replicas: int = 1
    length: int = 0
    fails: bool = False
    brought: int = 0
    runtime: str = ""
    source: NodeSource = field(default_factory=NodeSource)

    @property
    def nodes(self) -> int:
        """The machines that it needs."""
        return FORMS[self.form].nodes * self.replicas

    @property
    def is_brought(self) -> bool:
        """Whether its nodes are brought by users."""
        return self.source.provisioner == "byo"

    @property
    def is_short(self) -> bool:
        """Whether fewer nodes were brought to it than it needs."""
        return self.is_brought and self.brought < self.nodes

    @property
    def refusal(self) -> str:
        """The reason for which it cannot be served as it is written, empty where it can."""
        return REFUSED.get((FORMS[self.form].preset, self.runtime), "")

    @property
    def held(self) -> int:
        """The machines that are held for it in the end."""
        form = FORMS[self.form]
        if self.is_brought:
            return 0
        return self.nodes if form.kept or self.fails else 0

    def changed(self, **values: Any) -> Wish:
        """Return the wish after an edit."""
        return replace(self, **values)


def pods_of_a_copy(workspace: Object) -> int:
    """Return how many pods serve together."""
    preset = ((workspace.get("inference") or {}).get("preset") or {}).get("name")
    return next((form.nodes for form in FORMS.values() if form.preset == preset), 1)


def first_wish(form: str, replicas: int = 1) -> Wish:
    """Return the wish of a user who makes a Workspace of that form."""
    return Wish(form, replicas, runtime=FORMS[form].runtime, source=FORMS[form].source)


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
