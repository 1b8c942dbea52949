"""A data pack: a package of YAML files that answers the data hooks without a line of Python.

Its entry point in ``llmwright.hooks.v1`` names the package (a plain folder will do). Every ``*.yaml`` file below it
whose top-level ``kind`` is one of ``DATA_KINDS`` is what the hook of that kind returns; a file without ``kind`` is
something of the package's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable

DATA_KINDS = {"PresetFamily": "presets", "InstanceTypes": "instance_types"}
"""Top-level ``kind`` of a YAML file to the hook that returns it."""

_KIND = re.compile(r"^kind:[ \t]*['\"]?([\w.-]+)", re.MULTILINE)


class DataPack:
    """The YAML files of the package named ``package``."""

    def __init__(self, package: str) -> None:
        self.package = package

    def presets(self) -> list[Traversable]:
        """Files of ``kind: PresetFamily``."""
        return self._of("PresetFamily")

    def instance_types(self) -> list[Traversable]:
        """Files of ``kind: InstanceTypes``."""
        return self._of("InstanceTypes")

    def unknown(self) -> list[tuple[str, str]]:
        """Files with a ``kind`` that no hook returns: name and kind."""
        return [(file.name, kind) for file, kind in self._kinds if kind not in DATA_KINDS]

    @property
    def unreadable(self) -> list[tuple[str, str]]:
        """Files that cannot be read: name and cause."""
        return [(file.name, error) for file, _, error in self._texts if error]

    def _of(self, hook_kind: str) -> list[Traversable]:
        return [file for file, kind in self._kinds if kind == hook_kind]

    @cached_property
    def _kinds(self) -> tuple[tuple[Traversable, str], ...]:
        kinds = ((file, _KIND.search(text)) for file, text, _ in self._texts)
        return tuple((file, match[1]) for file, match in kinds if match)

    @cached_property
    def _texts(self) -> tuple[tuple[Traversable, str, str], ...]:
        return tuple((file, *_text(file)) for file in _yaml_files(files(self.package)))


def _text(file: Traversable) -> tuple[str, str]:
    """Return text and error of ``file``; one of them is empty."""
    try:
        return file.read_text(encoding="utf-8"), ""
    except (OSError, UnicodeError) as error:
        return "", str(error)


def _yaml_files(folder: Traversable) -> Iterator[Traversable]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _yaml_files(entry)
        elif entry.name.endswith(".yaml"):
            yield entry
