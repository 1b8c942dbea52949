"""The catalogue: presets and instance types by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from llmwright.catalogue import instance_type_file, preset_file
from llmwright.catalogue.pack import PackContent, PackFile, PackReader, directory_files
from llmwright.catalogue.unknown_name import unknown_name
from llmwright.catalogue.yaml_fields import FieldError
from llmwright.errors import ConfigError
from llmwright.values.instance_type import InstanceType
from llmwright.values.preset import Preset

if TYPE_CHECKING:
    from llmwright.plugins.hooks import Hooks


@dataclass(slots=True)
class _Presets:
    by_key: dict[str, Preset] = field(default_factory=dict)
    listed: list[Preset] = field(default_factory=list)
    problems: list[ConfigError] = field(default_factory=list)

    def add(self, preset: Preset, file: PackFile | None = None) -> None:
        """Add ``preset``. A taken name is refused."""
        taken = self.by_key.get(preset.name.lower())
        if taken is not None:
            where = file or preset.origin
            self.problems.append(ConfigError(f"{where}: preset {preset.name!r} is already brought by {taken.origin}"))
            return
        self.listed.append(preset)
        self.by_key[preset.name.lower()] = preset

    def add_aliases(self) -> None:
        """Add the aliases of all presets, after their names: an alias of one pack takes no name of another.

        A taken alias is dropped and reported.
        """
        for preset in self.listed:
            for alias in preset.aliases:
                holder = self.by_key.setdefault(alias.lower(), preset)
                if holder is not preset:
                    self.problems.append(ConfigError(f"{preset.origin}: alias {alias!r} is already {holder.name}'s"))


@dataclass(slots=True)
class _InstanceTypes:
    by_key: dict[tuple[str, str], InstanceType] = field(default_factory=dict)
    problems: list[ConfigError] = field(default_factory=list)


class Catalogue:
    """Presets and instance types of the given files. A file is read when it is first needed.

    A file that cannot be read, or doubles a name, is left out and reported by ``problems``; the others are used. Each
    such problem is one line for ``report`` too, when the file is read.
    """

    def __init__(
        self,
        preset_files: Iterable[PackFile] = (),
        instance_type_files: Iterable[PackFile] = (),
        *,
        directories: Iterable[Path] = (),
        extra: Iterable[Preset] = (),
        report: Callable[[str], None] | None = None,
    ) -> None:
        self._report = report or (lambda _: None)
        own = [file for directory in directories for file in directory_files(directory)]
        self._preset_files: Sequence[PackFile] = (*preset_files, *own)
        self._type_files: Sequence[PackFile] = (*instance_type_files, *own)
        self._extra = tuple(extra)
        self._offered: tuple[InstanceType, ...] = ()
        self._reader = PackReader()

    @classmethod
    def of_plugins(cls, hooks: Hooks, *, directories: Iterable[Path] = ()) -> Catalogue:
        """Make the catalogue of all installed packs and of the user's own ``directories``."""
        return cls(
            _files_of(hooks, "presets"),
            _files_of(hooks, "instance_types"),
            directories=directories,
            report=hooks.report,
        )

    def with_presets(self, *presets: Preset) -> Catalogue:
        """Return this catalogue with ``presets`` added, such as models that were described for one run."""
        extended = Catalogue(self._preset_files, self._type_files, extra=(*self._extra, *presets))
        return extended.offering(self._offered)

    def offering(self, machines: Iterable[InstanceType]) -> Catalogue:
        """Return this catalogue for a provisioner that offers ``machines``, and no others where there are any."""
        offered = tuple(machines)
        if offered == self._offered:
            return self
        # Read before the copy, so that both have it: files are read once.
        _ = self._presets, self._types
        offering = copy(self)
        offering._offered = offered
        return offering

    @property
    def offered(self) -> tuple[InstanceType, ...]:
        """The machines that a provisioner offers in place of the packs'; none for those of the packs."""
        return self._offered

    def presets(self) -> tuple[Preset, ...]:
        """All presets, in the order of their files."""
        return tuple(self._presets.listed)

    def find_preset(self, name: str) -> Preset | None:
        """Return the preset with the name or alias ``name``, else None. Case does not matter, as upstream."""
        return self._presets.by_key.get(name.lower())

    def preset(self, name: str) -> Preset:
        """Return the preset with the name or alias ``name``.

        Raises:
            ConfigError: with the reason ``UnknownPreset`` and a similar name.
        """
        match = self.find_preset(name)
        if match is None:
            known = [key for preset in self.presets() for key in (preset.name, *preset.aliases)]
            raise unknown_name("preset", name, known, command="llmwright presets list")
        return match

    def instance_types(self, cloud: str | None = None) -> tuple[InstanceType, ...]:
        """All instance types, or only those of one cloud (``azure``, ``aws``, ``arc``)."""
        if cloud is not None and self._offered:
            return self._offered
        return tuple(machine for machine in self._types.by_key.values() if cloud in (None, machine.cloud))

    def find_instance_type(self, name: str, cloud: str | None = None) -> InstanceType | None:
        """Return the instance type ``name``, None where there is none. Case does not matter, as upstream."""
        offered = next((machine for machine in self._offered if machine.name.lower() == name.lower()), None)
        if offered is not None or (cloud and self._offered):
            return offered
        clouds = [cloud] if cloud else ["azure", "aws", "arc", *(other for other, _ in self._types.by_key)]
        return next((machine for c in clouds if (machine := self._types.by_key.get((c, name.lower())))), None)

    def instance_type(self, name: str, cloud: str | None = None) -> InstanceType:
        """Return the instance type ``name``.

        Raises:
            ConfigError: with the reason ``UnknownInstanceType`` and a similar name.
        """
        match = self.find_instance_type(name, cloud)
        if match is None:
            known = [machine.name for machine in self.instance_types(cloud)]
            raise unknown_name("instance type", name, known, command="llmwright instance-types list")
        return match

    def problems(self) -> tuple[ConfigError, ...]:
        """Return the errors of the files. Each names its distribution or directory, and the place."""
        return (*self._presets.problems, *self._types.problems)

    @cached_property
    def _presets(self) -> _Presets:
        presets = _Presets()
        for preset in self._extra:
            presets.add(preset)
        for file in self._preset_files:
            content = self._read(file, preset_file.KIND, presets.problems)
            for fields in content.entries if content else ():
                try:
                    presets.add(preset_file.build_preset(fields, directory=file.directory, origin=file.origin), file)
                except FieldError as error:
                    presets.problems.append(ConfigError(f"{file}: {error}"))
        presets.add_aliases()
        self._tell(presets.problems)
        return presets

    @cached_property
    def _types(self) -> _InstanceTypes:
        types = _InstanceTypes()
        for file in self._type_files:
            content = self._read(file, instance_type_file.KIND, types.problems)
            for machine in map(instance_type_file.build_type, content.entries if content else ()):
                key = (machine.cloud, machine.name.lower())
                if key in types.by_key:
                    types.problems.append(ConfigError(f"{file}: instance type {machine.name!r} is given twice"))
                types.by_key.setdefault(key, machine)
        self._tell(types.problems)
        return types

    def _tell(self, problems: Iterable[ConfigError]) -> None:
        for problem in problems:
            self._report(f"left out: {problem.message}")

    def _read(self, file: PackFile, kind: str, problems: list[ConfigError]) -> PackContent | None:
        """Return the content of ``file``; None where the file is broken or of another kind."""
        try:
            content = self._reader.read(file)
        except ConfigError as error:
            problems.append(error)
            return None
        return content if content.kind == kind else None


def _files_of(hooks: Hooks, hook: str) -> list[PackFile]:
    """Return the files that plugins answer. A pack that answers with anything else costs one line and its own files."""
    return [PackFile(path, entry.origin) for entry, paths in hooks.collect(hook, items=Traversable) for path in paths]
