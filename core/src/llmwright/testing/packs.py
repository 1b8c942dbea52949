"""Laws of packs of presets and instance types."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.resources import files as package_files
from importlib.resources.abc import Traversable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from llmwright.catalogue.catalogue import Catalogue
from llmwright.catalogue.pack import PackFile
from llmwright.plugins.discovery import canonical
from llmwright.plugins.known import known_names
from llmwright.plugins.registry import Registry
from llmwright.testing.contract import Contract
from llmwright.testing.machine_figures import machine_faults
from llmwright.testing.model_figures import differences, model_faults
from llmwright.values.preset import Preset

_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_SOURCE = re.compile(r"(hf://[\w.-]+/[\w.-]+|oci://[^/\s]+/\S+|file:///\S+)")
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DATA = re.compile(r"^(kind|models|types):", re.MULTILINE)


class PresetPackContract(Contract):
    """Laws of packs. The subclass gives the fixture ``pack``: the name of its distribution."""

    @pytest.fixture
    def pack(self) -> str:
        """The distribution under test; every subclass gives its own."""
        raise pytest.UsageError(f"{type(self).__name__} gives no fixture 'pack'")

    @pytest.fixture
    def unpinned(self) -> frozenset[str]:
        """Presets that follow a branch on purpose: nobody knows a commit that was tested. None by default."""
        return frozenset()

    @pytest.fixture
    def runtimes(self) -> frozenset[str]:
        """Names that the ``runtimes`` of a preset may have: those of the installed runtimes, and of this project's."""
        return frozenset((*known_names("runtime"), *Registry(log=lambda _: None).names("runtime")))

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
        unread = "; ".join(str(problem) for problem in catalogue.problems())
        brought = catalogue.presets() or catalogue.instance_types()
        assert brought, unread or "no entry point of llmwright.hooks.v1 brings a file"

    def test_every_file_is_read(self, pack: str, files: dict[str, list[PackFile]], catalogue: Catalogue) -> None:
        """Each YAML file is of a known kind and format, none is passed over, and no name or alias is given twice."""
        _none([str(problem) for problem in catalogue.problems()])
        read = {str(file.path) for each in files.values() for file in each}
        for file in _yaml_files(pack):
            assert str(file) in read or not _DATA.search(file.read_text(encoding="utf-8")), (
                f"{file} is not read: its name ends with .yaml, and it begins with kind: PresetFamily or InstanceTypes"
            )

    def test_stands_beside_what_is_installed(self, pack: str) -> None:
        """No name is already another installed pack's."""
        registry = Registry(log=lambda _: None)
        problems = Catalogue.of_plugins(registry.hooks()).problems()
        _none([str(problem) for problem in problems if f"{canonical(pack)} " in str(problem)])

    def test_names_can_be_written(self, catalogue: Catalogue) -> None:
        """A preset's name is lower case letters, digits, dots, dashes and underscores, fit for a URL and a label."""
        _none([f"{preset.name}: no name" for preset in catalogue.presets() if not _NAME.fullmatch(preset.name)])

    def test_sources_are_of_a_known_kind(self, catalogue: Catalogue) -> None:
        """Weights come from ``hf://org/name``, ``oci://registry/repository:tag`` or ``file:///directory``."""
        presets = catalogue.presets()
        _none([f"{preset.name}: source {preset.source}" for preset in presets if not _SOURCE.fullmatch(preset.source)])

    def test_local_files_lie_in_the_pack(self, pack: str, catalogue: Catalogue) -> None:
        """A source ``file:`` and ``questions`` are there, and in the pack: the author's machine is no other one."""
        # A package without an __init__.py is no path by itself, and what lies in it is.
        inner = [path for folder in _packages(pack) for path in folder.iterdir()]
        homes = {path.parent.resolve() for path in inner if isinstance(path, Path)}
        for preset in catalogue.presets():
            for key, path in _local_paths(preset):
                inside = any(path.is_relative_to(home) for home in homes)
                assert inside, f"{preset.name}: {key} {path} is outside of the pack; write it relative to the file"
                assert path.exists(), f"{preset.name}: {key} {path} is not there"

    def test_sources_are_pinned(self, catalogue: Catalogue, unpinned: frozenset[str]) -> None:
        """Weights are the same tomorrow: a hub's by commit, an image by tag or digest and not by ``latest``.

        The fixture ``unpinned`` names those that follow a branch on purpose, and no others.
        """
        loose = {preset.name: _looseness(preset) for preset in catalogue.presets()}
        _none([f"{name}: {why}" for name, why in loose.items() if why and name not in unpinned])
        _none([f"{name}: in the fixture 'unpinned', and pinned" for name in sorted(unpinned) if not loose.get(name)])

    def test_licences_are_named(self, catalogue: Catalogue) -> None:
        """Company rules decide by licence, so a preset without one is of no use to them."""
        _none([f"{preset.name}: no license" for preset in catalogue.presets() if not preset.license.strip()])

    def test_sizes_are_there(self, catalogue: Catalogue) -> None:
        """Context, weights and the KV cache are above 0, for memory is reckoned from them."""
        for preset in catalogue.presets():
            sizes = (preset.context, preset.parameters, preset.weight_bytes, preset.kv_bytes_per_token)
            assert min(sizes) > 0, f"{preset.name}: one of its sizes is 0"

    def test_figures_of_models_can_be_true(self, catalogue: Catalogue) -> None:
        """Units and arithmetic: parameters x dtype are the weights, layers x heads x width the KV cache, and so on."""
        _none([f"{preset.name}: {fault}" for preset in catalogue.presets() for fault in model_faults(preset)])

    def test_figures_are_those_of_other_packs(self, pack: str, catalogue: Catalogue) -> None:
        """A model that another installed pack has from the same source has the same sizes there."""
        others = [
            preset
            for preset in Catalogue.of_plugins(Registry(log=lambda _: None).hooks()).presets()
            if canonical(preset.origin.partition(" ")[0]) != canonical(pack)
        ]
        _none(
            [
                f"{preset.name}: {fault}"
                for preset in catalogue.presets()
                for other in others
                if other.source == preset.source
                for fault in differences(preset, other)
            ]
        )

    def test_facts_have_a_source(self, catalogue: Catalogue) -> None:
        """Every figure has a source, of models, machines and prices."""
        _none([f"{preset.name}: no factSource" for preset in catalogue.presets() if not preset.fact_source.strip()])
        types = catalogue.instance_types()
        _none([f"{kind.name}: no factSource" for kind in types if not kind.fact_source.strip()])
        prices = {kind.name: kind.price for kind in types if kind.price}
        _none([f"{name}: a price without a source" for name, price in prices.items() if not price.source.strip()])

    def test_something_can_serve_each(self, catalogue: Catalogue, runtimes: frozenset[str]) -> None:
        """Each preset names the runtimes that can serve it, by names that a runtime has."""
        for preset in catalogue.presets():
            assert preset.runtimes, (
                f"{preset.name}: no runtimes: name those that are known to serve it, of {', '.join(sorted(runtimes))}"
            )
            unknown = [name for name in preset.runtimes if name not in runtimes]
            assert not unknown, f"{preset.name}: no runtime is called {', '.join(unknown)}; install it beside this test"

    def test_templates_parse(self, catalogue: Catalogue) -> None:
        """A chat template is the name of a file ``NAME.jinja``, or Jinja text that parses."""
        jinja2 = pytest.importorskip("jinja2", reason="templates are parsed by jinja2: pip install jinja2")
        environment = jinja2.Environment(autoescape=False, extensions=["jinja2.ext.loopcontrols"])
        for preset in catalogue.presets():
            template = preset.chat_template
            if template is None or re.fullmatch(r"[\w.-]+\.jinja", template):
                continue
            assert "{" in template, f"{preset.name}: chatTemplate {template!r} is no file name and no Jinja text"
            try:
                environment.parse(template)
            except jinja2.TemplateSyntaxError as error:
                raise AssertionError(f"{preset.name}: chatTemplate does not parse: {error}") from error

    def test_what_can_be_tuned_says_how(self, catalogue: Catalogue) -> None:
        """A model that is tuned, or spread over machines, has a known network: memory is reckoned from its sizes."""
        for preset in catalogue.presets():
            wanted = "tunable" if preset.tunable else "distributable" if preset.distributable else ""
            assert not wanted or preset.architecture, f"{preset.name}: {wanted}, and no architecture"

    def test_instance_types_add_up(self, catalogue: Catalogue) -> None:
        """A machine's figures can be true: memory of one GPU, a price of its order, a name of its cloud."""
        types = catalogue.instance_types()
        _none([f"{kind.name}: gpuMemoryBytes is 0" for kind in types if kind.gpus > 0 and kind.gpu_memory_bytes <= 0])
        _none([f"{kind.name}: price is not above 0" for kind in types if kind.price and kind.price.usd_per_hour <= 0])
        _none([f"{kind.name}: {fault}" for kind in types for fault in machine_faults(kind)])

    def test_retired_types_have_a_successor(self, catalogue: Catalogue) -> None:
        """A retired type names the type to take in its place, which is there and is not retired; no other does."""
        current = {kind.name for kind in catalogue.instance_types() if not kind.retired}
        for kind in catalogue.instance_types():
            if kind.retired:
                assert kind.successor, f"{kind.name}: retired, and no successor"
                assert kind.successor in current, f"{kind.name}: its successor {kind.successor} is no type of this pack"
            else:
                assert not kind.successor, f"{kind.name}: a successor, and not retired"


def _looseness(preset: Preset) -> str:
    """Return why the weights of ``preset`` may be others tomorrow; empty where they are pinned."""
    if preset.source.startswith("hf://") and not _COMMIT.fullmatch(preset.revision):
        return f"revision {preset.revision!r} is no commit of 40 hexadecimal digits"
    if preset.source.startswith("oci://"):
        name = preset.source.rpartition("/")[2]
        tag = name.rpartition(":")[2] if ":" in name else ""
        if tag in ("", "latest"):
            return f"source {preset.source} names no tag but latest"
    return ""


def _yaml_files(pack: str) -> Iterator[Traversable]:
    """Yield the YAML files below the packages that the entry points of ``pack`` name."""
    for folder in _packages(pack):
        yield from _below(folder)


def _packages(pack: str) -> Iterator[Traversable]:
    for entry in Registry(log=lambda _: None).entries():
        if entry.kind == "hook" and entry.distribution == canonical(pack):
            yield package_files(entry.target.partition(":")[0])


def _below(folder: Traversable) -> Iterator[Traversable]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _below(entry)
        elif entry.name.endswith((".yaml", ".yml")):
            yield entry


def _local_paths(preset: Preset) -> Iterator[tuple[str, Path]]:
    """Yield the keys of ``preset`` that name files, with their paths."""
    if preset.source.startswith("file:///"):
        yield "source", Path(unquote(urlsplit(preset.source).path)).resolve()
    if preset.questions:
        yield "questions", Path(preset.questions).resolve()


def _none(faults: Iterable[str]) -> None:
    found = list(faults)
    assert not found, "\n".join(found)
