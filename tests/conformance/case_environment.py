"""The environment of a case, as the facts that our rules read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from llmwright.api.workspace import Workspace
from llmwright.artifacts.addresses import SourceRules, check_url
from llmwright.artifacts.image_reference import reference_problem
from llmwright.catalogue.catalogue import Catalogue
from llmwright.catalogue.quantity import parse_bytes
from llmwright.check import CatalogueFacts, CheckInput, DriverFacts, PolicyFacts
from llmwright.check.environment import Environment as ClusterEnvironment
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.registry import Registry
from llmwright.values.instance_type import InstanceType
from llmwright.values.preset import Preset

SIZE = "test_validation_model_size"
VARIABLE = f"env.{SIZE}"


class Environment:
    """``fixtures`` are presets that upstream invented for its tests. All others come from the installed catalogue."""

    def __init__(self, fixtures: Mapping[str, Any]) -> None:
        self._fixtures = {name: value for name, value in fixtures.items() if _is_preset(value)}

    @cached_property
    def _catalogue(self) -> Catalogue:
        return Catalogue.of_plugins(Registry().hooks())

    @cached_property
    def _drivers(self) -> DriverSet:
        return DriverSet.of_registry(Registry())

    def inputs(self, env: Mapping[str, Any], workspace: Workspace, old: Workspace | None) -> CheckInput:
        """What our rules are asked about one case."""
        presets, broken = self._presets(env, workspace.api_version.partition("/")[2])
        described = {"config_maps": (), "nodes": (), "csi_drivers": (), "cloud_provider": "azure"} | dict(env)
        cluster = ClusterEnvironment.model_validate({key: described[key] for key in described if key != SIZE})
        cloud = described["cloud_provider"]
        return cluster.applied_to(
            CheckInput(
                written=workspace,
                old=old,
                catalogue=CatalogueFacts(
                    find_preset=lambda name: presets.get(name) or self._catalogue.find_preset(name),
                    preset_names=lambda: [preset.name for preset in self._catalogue.presets()],
                    broken_presets=broken,
                    find_instance_type=lambda name: self._instance_type(name, cloud),
                    instance_type_names=lambda: [machine.name for machine in self._catalogue.instance_types(cloud)],
                ),
                drivers=DriverFacts(installed=self._drivers),
                policy=PolicyFacts(
                    image_problem=reference_problem,
                    url_problem=lambda url: check_url(url, SourceRules()),
                ),
            )
        )

    def _instance_type(self, name: str, cloud: str) -> InstanceType | None:
        """Return an instance type as in upstream's table, which has no retired types."""
        machine = self._catalogue.find_instance_type(name, cloud)
        return None if machine is None or machine.retired else machine

    def _presets(self, env: Mapping[str, Any], version: str) -> tuple[dict[str, Preset], dict[str, str]]:
        presets: dict[str, Preset] = {}
        broken: dict[str, str] = {}
        for name, fixture in self._fixtures.items():
            if version not in fixture.get("versions", (version,)):
                continue
            size = fixture["model_file_size"]
            size = env.get(SIZE, "") if size == VARIABLE else size
            try:
                presets[name] = _preset(name, fixture, parse_bytes(size) if size else 0, version)
            except ValueError as error:
                broken[name] = str(error)
        return presets, broken


def _is_preset(value: Any) -> bool:
    return isinstance(value, Mapping) and "model_file_size" in value


def _preset(name: str, fixture: Mapping[str, Any], weight_bytes: int, version: str) -> Preset:
    limit = fixture.get("model_token_limit", 0)
    private = fixture.get("image_access_mode") == "private"
    return Preset(
        name=name,
        source=f"hf://fixture/{name}" if fixture.get("download_at_runtime") else f"oci://fixture.example/{name}:1",
        gated=bool(fixture.get("download_auth_required")) or private,
        parameters=0,
        weight_bytes=weight_bytes,
        context=limit.get(version, 0) if isinstance(limit, Mapping) else limit,
        kv_bytes_per_token=0,
        runtimes=("vllm", "hf") if fixture.get("transformers_supported") else ("vllm",),
        tunable=bool(fixture.get("tunable")),
        distributable=bool(fixture.get("distributed")),
    )
