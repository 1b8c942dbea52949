"""The facts that rules use besides the Workspace: four small records, one for each source.

None is not known. A rule that needs it yields nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from llmwright.errors import Problem
from llmwright.plugins.driver_set import DriverKind, DriverSet
from llmwright.values.feature_gates import FeatureGates
from llmwright.values.instance_type import InstanceType
from llmwright.values.preset import Preset

Severity = Literal["error", "warning"]

ConfigFiles = Callable[[str, str], Mapping[str, str] | None]
"""``(namespace, name)`` of a config to its files; None where there is no such config."""

Configure = Callable[[DriverKind, str, Mapping[str, Any], Mapping[str, str], Preset | None], Iterable[Problem]]
"""``(kind, name, options, config files, model)`` to what that driver finds wrong, with paths relative to the options.

``model`` is what a runtime is to serve, None where that is not known."""


def _no_preset(_: str) -> Preset | None:
    return None


def _no_instance_type(_: str) -> InstanceType | None:
    return None


def _no_cloud(_: str) -> str | None:
    return None


def _no_names() -> Iterable[str]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueFacts:
    """Presets, and the instance types of one cloud, by name.

    ``broken_presets`` maps a preset that could not be read to the reason. ``cloud_of`` gives the cloud of a type that
    another cloud than this one has.
    """

    find_preset: Callable[[str], Preset | None] = _no_preset
    preset_names: Callable[[], Iterable[str]] = _no_names
    broken_presets: Mapping[str, str] = field(default_factory=dict)
    find_instance_type: Callable[[str], InstanceType | None] = _no_instance_type
    instance_type_names: Callable[[], Iterable[str]] = _no_names
    cloud: str = "azure"
    cloud_of: Callable[[str], str | None] = _no_cloud


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverFacts:
    """The installed drivers, and the names in the settings, which hold where a Workspace names none.

    ``configure`` asks a driver for its own judgement of the options that are written for it.
    """

    installed: DriverSet = field(default_factory=DriverSet.of_classes)
    provisioner: str | None = None
    runtime: str | None = None
    configure: Configure | None = None


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One node of the cluster; ``allocatable`` are its resources by name, as in its status."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    allocatable: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """The cluster: KAITO's gates, nodes, CSI drivers and configs.

    ``release_namespace`` is where KAITO's own config templates are; None where drivers bring their defaults.
    """

    gates: FeatureGates = field(default_factory=FeatureGates)
    nodes: tuple[NodeFacts, ...] | None = None
    csi_drivers: frozenset[str] | None = None
    config_files: ConfigFiles | None = None
    release_namespace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFacts:
    """Rules of the company and of this installation.

    ``node_classes`` are the allowed names, empty for any. ``image_problem`` and ``url_problem`` return in one line why
    an image's name or a URL cannot be used. ``buys`` is set where something is about to be bought, and
    ``refuse_placeholders`` there unless the settings allow placeholders. ``images`` are the roles that the settings
    name an image for.
    ``on_success`` holds for a tuning that does not say what becomes of its result.
    ``allows_code`` says whether Python code from a model, by its preset's source, may run.
    ``api_key``: requests must carry a key. ``privileged_templates``: a pod of the user's may ask for anything, and a
    volume be anything; ``host_paths`` are the directories of nodes that any Workspace may name.
    ``allowed_instance_types`` and ``allowed_nodes`` are limits of the namespace, None for no limit.
    ``allowed_usd_per_hour`` is the smallest of its limits on one Workspace. ``prometheus`` says that the settings have
    its address.
    """

    node_classes: tuple[str, ...] = ()
    image_problem: Callable[[str], str | None] | None = None
    url_problem: Callable[[str], str | None] | None = None
    refuse_placeholders: bool = False
    buys: bool = False
    images: frozenset[str] = frozenset()
    on_success: Literal["serve", "release"] = "serve"
    allowed_instance_types: tuple[str, ...] | None = None
    allowed_nodes: int | None = None
    allowed_usd_per_hour: float | None = None
    prometheus: bool = False
    allows_code: Callable[[str], bool] | None = None
    api_key: bool = False
    privileged_templates: bool = True
    host_paths: tuple[str, ...] = ()
