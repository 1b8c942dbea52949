"""Laws of packs of presets and instance types."""

from __future__ import annotations

import re

import pytest

from llmwright.catalogue.catalogue import Catalogue
from llmwright.catalogue.pack import PackFile
from llmwright.plugins.discovery import canonical
from llmwright.plugins.registry import Registry
from llmwright.testing.contract import Contract

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_SOURCE = re.compile(r"(hf://[\w.-]+/[\w.-]+|oci://[^/\s]+/\S+|file:///\S+)")


class PresetPackContract(Contract):
    """Laws of packs. The subclass gives the fixture ``pack``: the name of its distribution."""

    @pytest.fixture
    def pack(self) -> str:
        """The distribution under test; every subclass gives its own."""
        raise pytest.UsageError(f"{type(self).__name__} gives no fixture 'pack'")

    @pytest.fixture
    def files(self, pack: str) -> dict[str, list[PackFile]]:
        """The files that the pack answers to each data hook."""
        hooks = Registry(log=lambda _: None).hooks()
        return {
            hook: [
                PackFile(path, entry.origin)
                for entry, paths in hooks.collect(hook, required=True)
                for path in paths
                if entry.distribution == canonical(pack)
            ]
            for hook in ("presets", "instance_types")
        }

    @pytest.fixture
    def catalogue(self, files: dict[str, list[PackFile]]) -> Catalogue:
        """The catalogue of this pack alone."""
        return Catalogue(files["presets"], files["instance_types"])

    def test_brings_something(self, catalogue: Catalogue) -> None:
        """It is installed, its plugin loads, and it brings at least one preset or instance type."""
        assert catalogue.presets() or catalogue.instance_types()

    def test_every_file_is_read(self, catalogue: Catalogue) -> None:
        """Each file is of a known kind and format, and no name or alias is given twice."""
        assert [str(problem) for problem in catalogue.problems()] == []

    def test_stands_beside_what_is_installed(self, pack: str) -> None:
        """No name is already another installed pack's."""
        registry = Registry(log=lambda _: None)
        problems = Catalogue.of_plugins(registry.hooks()).problems()
        assert [str(problem) for problem in problems if f"{canonical(pack)} " in str(problem)] == []

    def test_names_can_be_written(self, catalogue: Catalogue) -> None:
        """A preset's name is lower case letters, digits, dots, dashes and underscores, fit for a URL and a label."""
        assert [preset.name for preset in catalogue.presets() if not _NAME.fullmatch(preset.name)] == []

    def test_sources_are_of_a_known_kind(self, catalogue: Catalogue) -> None:
        """Weights come from ``hf://org/name``, ``oci://registry/repository:tag`` or ``file:///directory``, pinned."""
        presets = catalogue.presets()
        assert [preset.name for preset in presets if not _SOURCE.fullmatch(preset.source)] == []
        assert [preset.name for preset in presets if preset.source.startswith("hf://") and not preset.revision] == []

    def test_licences_are_named(self, catalogue: Catalogue) -> None:
        """Company rules decide by licence, so a preset without one is of no use to them."""
        assert [preset.name for preset in catalogue.presets() if not preset.license.strip()] == []

    def test_sizes_are_there(self, catalogue: Catalogue) -> None:
        """Context, weights and the KV cache are above 0, for memory is reckoned from them."""
        assert [
            preset.name
            for preset in catalogue.presets()
            if min(preset.context, preset.parameters, preset.weight_bytes, preset.kv_bytes_per_token) <= 0
        ] == []

    def test_facts_have_a_source(self, catalogue: Catalogue) -> None:
        """Every figure has a source."""
        assert [preset.name for preset in catalogue.presets() if not preset.fact_source.strip()] == []

    def test_something_can_serve_each(self, catalogue: Catalogue) -> None:
        """Each preset names the runtimes that can serve it."""
        assert [preset.name for preset in catalogue.presets() if not all(preset.runtimes) or not preset.runtimes] == []

    def test_instance_types_add_up(self, catalogue: Catalogue) -> None:
        """A machine with GPUs says how much memory each has; a price is above 0."""
        types = catalogue.instance_types()
        assert [machine.name for machine in types if machine.gpus > 0 and machine.gpu_memory_bytes <= 0] == []
        assert [machine.name for machine in types if machine.price and machine.price.usd_per_hour <= 0] == []
