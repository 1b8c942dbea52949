"""Finding the Workspaces that the user means: in files, directories, on stdin, or behind a preset's name."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llmwright.errors import ConfigError, InvalidWorkspace, Problem

if TYPE_CHECKING:
    from llmwright.api.document import Document
    from llmwright.api.workspace import Workspace
    from llmwright.check.environment import Environment

YAML_SUFFIXES = (".yaml", ".yml", ".json")
STDIN = "-"


@dataclass(frozen=True)
class Written:
    """A Workspace as found: what it says, where, and the directory that its relative paths start from."""

    workspace: Workspace
    document: Document
    base: Path


def read_workspaces(names: Iterable[str], namespace: str | None = None) -> tuple[Written, ...]:
    """Every Workspace of the files, directories or stdin (``-``) named, in order.

    ``namespace`` is given to those that name none.

    Raises:
        ConfigError: a file that is not there or unreadable, no Workspace at all, or another namespace than asked for.
        InvalidWorkspace: all problems of all documents at once.
    """
    from llmwright.api.document import load_documents

    found: list[Written] = []
    problems: list[Problem] = []
    for source, base, text in _texts(names):
        try:
            documents = load_documents(text, source)
        except InvalidWorkspace as error:
            problems += _in_file(error.problems, source)
            continue
        for document in documents:
            _collect(document, base, namespace, found, problems)
    if problems:
        raise InvalidWorkspace(problems)
    if not found:
        raise ConfigError(f"no Workspace in {', '.join(names)}", hint="`llmwright init tune` writes one")
    return tuple(found)


def read_environment(name: str) -> Environment:
    """What the file ``name`` tells of a cluster.

    Raises:
        ConfigError: the file is not there, or holds other than one document.
        InvalidWorkspace: bad YAML, an unknown field.
    """
    from llmwright.api.document import load_documents
    from llmwright.check.environment import Environment

    documents = load_documents(_read(Path(name)), name)
    if len(documents) != 1:
        raise ConfigError(f"{name} holds {len(documents)} documents, one is expected")
    return Environment.of_document(documents[0])


def _collect(
    document: Document, base: Path, namespace: str | None, found: list[Written], problems: list[Problem]
) -> None:
    from llmwright.api.document import parse_workspace

    try:
        workspace = _in_namespace(parse_workspace(document), namespace, document.source)
    except InvalidWorkspace as error:
        problems += _in_file(error.problems, document.source)
    else:
        found.append(Written(workspace, document, base))


def _in_file(problems: Iterable[Problem], source: str) -> Iterator[Problem]:
    from dataclasses import replace

    for problem in problems:
        place = ":".join(str(part) for part in (source, problem.line, problem.column) if part is not None)
        path = f"{place}: {problem.path}" if problem.path else place
        yield replace(problem, path=path, line=None, column=None)


def _in_namespace(workspace: Workspace, namespace: str | None, source: str) -> Workspace:
    written = workspace.metadata.namespace
    if namespace is None or written == namespace:
        return workspace
    if written is not None:
        raise ConfigError(
            f"{source}: metadata.namespace is {written!r}, and --namespace says {namespace!r}",
            hint="leave one of them out",
        )
    return workspace.model_copy(update={"metadata": workspace.metadata.model_copy(update={"namespace": namespace})})


def _texts(names: Iterable[str]) -> Iterator[tuple[str, Path, str]]:
    for name in names:
        if name == STDIN:
            yield "<stdin>", Path.cwd(), sys.stdin.read()
            continue
        for path in _files(Path(name)):
            yield str(path), path.resolve().parent, _read(path)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(child for child in path.iterdir() if child.suffix in YAML_SUFFIXES)
    if not found:
        raise ConfigError(f"directory {path} holds no {', '.join(YAML_SUFFIXES)} file")
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path} is not there", hint="`llmwright init tune` writes a Workspace to start from"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def from_preset(name: str, namespace: str | None) -> Written:
    """A Workspace that serves the preset ``name`` (or the hub's ``ORG/MODEL``) and nothing more."""
    from llmwright.api.document import Document, parse_workspace

    data = preset_mapping(name, namespace)
    return Written(parse_workspace(Document(data, source=name)), Document(data, source=name), Path.cwd())


def preset_mapping(name: str, namespace: str | None) -> Mapping[str, object]:
    """The YAML of ``from_preset`` as plain data."""
    label = "".join(letter if letter.isalnum() else "-" for letter in name.rpartition("/")[2].lower()).strip("-")[:50]
    metadata = {"name": label or "model", **({"namespace": namespace} if namespace else {})}
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": metadata,
        "resource": {"labelSelector": {"matchLabels": {"apps": label}}},
        "inference": {"preset": {"name": name}},
    }
