"""Documents of a file that are no Workspace: what they are, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llmwright.errors import ConfigError, InvalidWorkspace, Problem

if TYPE_CHECKING:
    from llmwright.api.document import Document

GROUP = "kaito.sh/"
WORKSPACE = "Workspace"
NOT_BUILT = frozenset({"InferenceSet", "ModelMirror", "MultiRoleInference", "RAGEngine"})
"""KAITO's other kinds."""


@dataclass(frozen=True, slots=True)
class Sorted:
    """The documents of one text: those to read as Workspaces, and the others."""

    workspaces: tuple[Document, ...]
    beside: tuple[Document, ...]


def sort_documents(documents: Iterable[Document]) -> Sorted:
    """Sort the documents of one text; the items of a ``kind: List`` count as documents.

    Raises:
        InvalidWorkspace: a kind of KAITO's that is not built here.
    """
    each = [item for document in documents for item in _items(document)]
    beside = tuple(document for document in each if _is_other(document.data))
    for document in each:
        kind = _text(document.data, "kind")
        if kind in NOT_BUILT and _text(document.data, "apiVersion").startswith(GROUP):
            message = f"{kind} is a kind of KAITO's that is not built here"
            problem = Problem("kind", message, "write a Workspace", reason="NotBuilt")
            raise InvalidWorkspace(document.place([problem]), source=document.source)
    return Sorted(tuple(document for document in each if document not in beside), beside)


def configs_beside(beside: Iterable[Document], namespace: str) -> dict[str, Mapping[str, str]]:
    """Return the data of each ConfigMap that a Workspace of ``namespace`` can name, by its name.

    Raises:
        ConfigError: its data are not texts.
    """
    configs: dict[str, Mapping[str, str]] = {}
    for document in beside:
        metadata = document.data.get("metadata")
        if document.data["kind"] != "ConfigMap" or not isinstance(metadata, Mapping):
            continue
        data = document.data.get("data") or {}
        if metadata.get("namespace") not in (None, namespace):
            continue
        if not isinstance(data, Mapping) or not all(isinstance(text, str) for text in data.values()):
            raise ConfigError(f"the ConfigMap {metadata.get('name')!r} in {document.source} holds more than texts")
        configs[str(metadata.get("name"))] = data
    return configs


def left_aside(beside: Iterable[Document], used: Iterable[str]) -> Iterator[Problem]:
    """Yield a warning for each document that is not read; ``used`` are the ConfigMaps that are."""
    for document in beside:
        kind, name = document.data["kind"], _text(document.data.get("metadata"), "name")
        if kind == "ConfigMap" and name in used:
            continue
        position = document.position("kind")
        line, column = position or (None, None)
        message = f"{kind[:80]} {name[:80]!r} is no Workspace and is left aside"
        yield Problem("", message, line=line, column=column, severity="warning", reason="LeftAside")


def _items(document: Document) -> Iterator[Document]:
    """Yield the items of a ``kind: List``, as kubectl and ``get -o yaml`` print it; any other document itself."""
    data = document.data
    if not isinstance(data, Mapping) or data.get("kind") not in ("List", "WorkspaceList"):
        yield document
        return
    items = data.get("items")
    if not isinstance(items, list):
        problem = Problem("items", "a List has a list of items", reason="WrongType")
        raise InvalidWorkspace(document.place([problem]), source=document.source)
    places: list[dict[Any, Any]] = [{} for _ in items]
    for path, position in document.positions.items():
        if len(path) > 1 and path[0] == "items" and isinstance(path[1], int):
            places[path[1]][path[2:]] = position
    from llmwright.api.document import Document

    for item, positions in zip(items, places, strict=True):
        yield Document(item, positions, document.source)


def _is_other(data: Any) -> bool:
    kind, version = _text(data, "kind"), _text(data, "apiVersion")
    return bool(kind and version) and kind != WORKSPACE and not version.startswith(GROUP)


def _text(data: Any, key: str) -> str:
    value = data.get(key) if isinstance(data, Mapping) else None
    return value if isinstance(value, str) else ""
