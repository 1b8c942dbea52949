"""One admission: the Workspace in question, the one it replaces, and what follows from both and the facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from llmwright.api.versions import V1ALPHA1, with_defaults
from llmwright.api.workspace import LabelSelector, PresetSpec, Workspace
from llmwright.check.facts import Facts
from llmwright.values.nodes import unreserved
from llmwright.values.preset import Preset

RUNTIME_ANNOTATION = "kaito.sh/runtime"
BYPASS_ANNOTATION = "kaito.sh/bypass-resource-checks"

_RUNTIME_NAMES = {"transformers": "hf", "hf": "hf", "vllm": "vllm"}


@dataclass(frozen=True)
class CheckInput:
    """``workspace`` has its version's defaults, ``written`` is as the user wrote it, ``old`` what it replaces."""

    written: Workspace
    old: Workspace | None
    facts: Facts

    @cached_property
    def workspace(self) -> Workspace:
        return with_defaults(self.written) if self.on_cluster else self.written

    @property
    def on_cluster(self) -> bool:
        return self.facts.target == "kubernetes"

    @property
    def v1alpha1(self) -> bool:
        return self.written.api_version == V1ALPHA1

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.written.metadata.annotations

    @property
    def bypass(self) -> bool:
        """Whether the user asked to go on where memory seems too small."""
        return BYPASS_ANNOTATION in self.annotations

    @property
    def count(self) -> int:
        count = self.workspace.resource.count
        return 1 if count is None else count

    @cached_property
    def provisioner(self) -> str | None:
        return self.written.resource.provisioner or self.facts.node_provisioner

    @property
    def own_nodes_only(self) -> bool:
        """Whether KAITO's gate says that all nodes are brought by the user."""
        return self.facts.gates.disable_node_auto_provisioning and not self.v1alpha1

    @property
    def brings_nodes(self) -> bool:
        """Whether the nodes are the user's own, by the gate or by the provisioner's name."""
        return self.own_nodes_only or self.provisioner == "byo"

    @cached_property
    def runtime(self) -> str:
        """The runtime that will serve, as far as it is decided by now: the field, the annotation, the default."""
        if not self.facts.gates.vllm:
            return "hf"
        inference = self.written.inference
        if inference and inference.runtime:
            return _RUNTIME_NAMES.get(inference.runtime, inference.runtime)
        default = self.facts.default_runtime or ("vllm" if self.on_cluster else "hf")
        return _RUNTIME_NAMES.get(self.annotations.get(RUNTIME_ANNOTATION, ""), default)

    @cached_property
    def inference_preset(self) -> Preset | None:
        """The catalogue's entry for what is served; None without one."""
        spec = self.written.inference.preset if self.written.inference else None
        return self.facts.find_preset(spec.name) if spec else None

    def presets(self) -> Iterator[tuple[str, PresetSpec]]:
        """The presets that are named, each with its YAML path."""
        for path, part in (("inference.preset", self.written.inference), ("tuning.preset", self.written.tuning)):
            if part is not None and part.preset is not None:
                yield path, part.preset

    def config_files(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """The files of a config; None where there is none, or nothing is known about configs."""
        return self.facts.config_files(namespace, name) if self.facts.config_files else None


def usable_labels(selector: LabelSelector | None) -> dict[str, str]:
    """The labels of a selector without those that are reserved."""
    labels = selector.match_labels if selector else {}
    return unreserved(labels)
