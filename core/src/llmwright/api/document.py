"""Documents: YAML text with positions, its Workspace, and the way back to YAML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from llmwright.errors import Problem
from llmwright.reading.yaml_paths import Path, render_path, split_path
from llmwright.reading.yaml_reader import Position, read
from llmwright.reading.yaml_scalars import plain_scalar

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace


@dataclass(frozen=True)
class Document:
    """One YAML document: plain data, the position of each value, and the name of its file (or ``<stdin>``)."""

    data: Any
    positions: Mapping[Path, Position] = field(default_factory=dict, repr=False)
    source: str = ""
    misread: tuple[Path, ...] = field(default=(), repr=False)

    def quotes_wanted(self) -> tuple[Problem, ...]:
        """Return a warning for each text without quotes that kubectl, which reads YAML 1.1, takes for another value."""
        problems = []
        for path in self.misread:
            text = self.data
            for part in path:
                text = text[part]
            message, hint = f"kubectl takes {text} without quotes for another value", f'put quotes around it: "{text}"'
            problems.append(Problem(render_path(path), message, hint, severity="warning", reason="QuotesWanted"))
        return self.place(problems)

    def position(self, path: str) -> Position | None:
        """Return the position of the value at a YAML path, or of the nearest value around it; None without a text."""
        parts = split_path(path)
        for length in range(len(parts), -1, -1):
            position = self.positions.get(parts[:length])
            if position is not None:
                return position
        return None

    def place(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Return ``problems``, with line and column of this document where they have none."""
        return tuple(self._place(problem) for problem in problems)

    def _place(self, problem: Problem) -> Problem:
        position = self.position(problem.path) if problem.line is None else None
        return replace(problem, line=position.line, column=position.column) if position else problem


def load_documents(text: str, source: str = "") -> tuple[Document, ...]:
    """Read each document of ``text``; empty documents are left out. ``source`` is the file's name for messages.

    Numbers, true/false and null are read as YAML 1.2 has them; ``no``, ``on`` and ``y`` are text.

    Raises:
        InvalidWorkspace: bad syntax, a tab, a doubled key, or more than the limits of ``yaml_reader``; each problem
            with line and column.
    """
    readings = (reading for reading in read(text, source) if reading.data is not None)
    return tuple(Document(each.data, each.positions, source, each.misread) for each in readings)


def parse_workspace(document: Document) -> Workspace:
    """Return the Workspace of ``document``.

    Raises:
        InvalidWorkspace: with every field that is unknown, missing or of another type, its path and its position.
    """
    from llmwright.api.parsing import validate_workspace

    return validate_workspace(document)


def to_mapping(workspace: Workspace) -> dict[str, Any]:
    """Return the fields of ``workspace`` that were set, by their YAML names, in the API's order, without nulls."""
    return workspace.model_dump(by_alias=True, exclude_unset=True, exclude_none=True, mode="json")


def to_yaml(value: Workspace | Mapping[str, Any]) -> str:
    """Write a Workspace, or plain data, as YAML that means the same in YAML 1.1 and 1.2."""
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
