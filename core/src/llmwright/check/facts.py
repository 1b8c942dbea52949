"""What rules may know besides the Workspace itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from llmwright.errors import Problem
from llmwright.values.instance_type import InstanceType
from llmwright.values.plan import Target
from llmwright.values.preset import Preset

Severity = Literal["error", "warning"]

DriverKind = Literal["provisioner", "runtime", "tuner"]

ConfigFiles = Callable[[str, str], Mapping[str, str] | None]
"""``(namespace, name)`` of a config to its files; None where there is no such config."""

Configure = Callable[[DriverKind, str, Mapping[str, Any], Mapping[str, str]], Iterable[Problem]]
"""``(kind, name, options, config files)`` to what that driver finds wrong with them, paths relative to the options."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureGates:
    """KAITO's switches that rules depend on, at KAITO's defaults."""

    vllm: bool = True
    disable_node_auto_provisioning: bool = False
    mig: bool = False
    accelerator: bool = False
    model_streaming: bool = False

    @classmethod
    def from_names(cls, gates: Mapping[str, bool]) -> FeatureGates:
        """From KAITO's own names (``vLLM``, ``enableMIG``); names that no rule depends on are left aside."""
        return cls(**{_GATES[name]: value for name, value in gates.items() if name in _GATES})


_GATES = {
    "vLLM": "vllm",
    "disableNodeAutoProvisioning": "disable_node_auto_provisioning",
    "enableMIG": "mig",
    "enableAccelerator": "accelerator",
    "ModelStreaming": "model_streaming",
}


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One node of the cluster."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)


def _no_preset(_: str) -> Preset | None:
    return None


def _no_instance_type(_: str) -> InstanceType | None:
    return None


def _no_names() -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a rule may need; what is None is not known, and no rule that needs it speaks.

    ``find_preset`` and ``find_instance_type`` look names up (the latter among those of ``cloud``), ``preset_names``
    and ``instance_type_names`` list them. ``broken_presets`` maps a preset that could not be read to the reason.
    ``node_classes`` are those that Karpenter may use, empty for any. ``node_provisioner`` and ``default_runtime``
    hold where a Workspace names none. ``nodes`` are the cluster's. ``release_namespace`` is where KAITO's own config
    templates lie; None where drivers bring their defaults. ``image_problem`` and ``url_problem`` say in one line why
    an image's name or a URL cannot be used. ``mutable_options`` are keys of ``provisionerConfig`` that may change.
    ``refuse_placeholders`` is set where something is about to be bought. ``allowed_instance_types``,
    ``allowed_nodes`` are limits of the namespace.
    """

    target: Target = "kubernetes"
    find_preset: Callable[[str], Preset | None] = _no_preset
    preset_names: Callable[[], Iterable[str]] = _no_names
    broken_presets: Mapping[str, str] = field(default_factory=dict)
    find_instance_type: Callable[[str], InstanceType | None] = _no_instance_type
    instance_type_names: Callable[[], Iterable[str]] = _no_names
    cloud: str = "azure"
    gates: FeatureGates = field(default_factory=FeatureGates)
    node_provisioner: str | None = None
    node_classes: tuple[str, ...] = ()
    nodes: tuple[NodeFacts, ...] | None = None
    csi_drivers: frozenset[str] | None = None
    config_files: ConfigFiles | None = None
    release_namespace: str | None = None
    default_runtime: str | None = None
    provisioners: tuple[str, ...] | None = None
    runtimes: tuple[str, ...] | None = None
    tuners: tuple[str, ...] | None = None
    configure: Configure | None = None
    mutable_options: frozenset[str] = frozenset()
    image_problem: Callable[[str], str | None] | None = None
    url_problem: Callable[[str], str | None] | None = None
    refuse_placeholders: bool = False
    allowed_instance_types: tuple[str, ...] | None = None
    allowed_nodes: int | None = None
