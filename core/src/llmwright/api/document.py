"""From YAML text to Documents with positions, from a Document to a Workspace, and back to YAML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from llmwright.api.yaml_paths import Path, split_path
from llmwright.api.yaml_reader import Position, read
from llmwright.api.yaml_scalars import plain_scalar
from llmwright.errors import Problem

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace


@dataclass(frozen=True)
class Document:
    """One YAML document: plain data, where each value stands, and the file (or ``<stdin>``) it came from."""

    data: Any
    positions: Mapping[Path, Position] = field(default_factory=dict, repr=False)
    source: str = ""

    def position(self, path: str) -> Position | None:
        """Where the value at a YAML path stands, or the nearest thing around it; None for data not read from text."""
        parts = split_path(path)
        for length in range(len(parts), -1, -1):
            found = self.positions.get(parts[:length])
            if found is not None:
                return found
        return None

    def place(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """``problems`` with line and column of this document where they have none."""
        return tuple(self._place(problem) for problem in problems)

    def _place(self, problem: Problem) -> Problem:
        found = self.position(problem.path) if problem.line is None else None
        return replace(problem, line=found.line, column=found.column) if found else problem


def load_documents(text: str, source: str = "") -> tuple[Document, ...]:
    """Each document of ``text``; empty ones are left out. ``source`` is the file's name for messages.

    Numbers, true/false and null are read as YAML 1.2 has them; ``no``, ``on`` and ``y`` are text.

    Raises:
        InvalidWorkspace: bad syntax, a tab, a key that is there twice, or more than the limits of ``reader``; each
            problem with line and column.
    """
    return tuple(Document(item.data, item.positions, source) for item in read(text, source) if item.data is not None)


def parse_workspace(document: Document) -> Workspace:
    """The Workspace that ``document`` holds.

    Raises:
        InvalidWorkspace: every field that is unknown, missing or of another type, with its path and position.
    """
    from llmwright.api.parsing import validate_workspace

    return validate_workspace(document)


def to_mapping(workspace: Workspace) -> dict[str, Any]:
    """``workspace`` as plain data: what was set, under its YAML names, in the order of the API, without nulls."""
    return workspace.model_dump(by_alias=True, exclude_unset=True, exclude_none=True, mode="json")


def to_yaml(value: Workspace | Mapping[str, Any]) -> str:
    """A Workspace, or plain data, as YAML that readers of YAML 1.1 and 1.2 understand alike."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    Dumper.add_representer(str, _represent_text)
    data = value if isinstance(value, Mapping) else to_mapping(value)
    return yaml.dump(dict(data), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)


def _represent_text(dumper: Any, text: str) -> Any:
    style = None if isinstance(plain_scalar(text), str) else "'"
    if not text.replace("\n", "").isprintable():
        style = '"'
    elif "\n" in text:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)
