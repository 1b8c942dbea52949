"""Files of a config that a Workspace names (a ConfigMap, or a file beside the YAML): reading them for rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmwright.api.document import Document, load_documents
from llmwright.errors import InvalidWorkspace, Problem

_YAML_1_1 = {"yes": True, "on": True, "y": True, "no": False, "off": False, "n": False}


class BadConfig(Exception):
    """A config file that cannot be read at all; ``problem`` is why. The rule that asked for the file catches it."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read_mapping(path: str, files: Mapping[str, str], file: str) -> Mapping[str, Any]:
    """The mapping in ``file``, as the data of ``read_document``; raises as that."""
    data: Mapping[str, Any] = read_document(path, files, file).data
    return data


def read_document(path: str, files: Mapping[str, str], file: str) -> Document:
    """The document in ``file``, a mapping, empty for an empty one; ``path`` is the YAML path of the config's name.

    Raises:
        BadConfig: the file is not there, or holds no YAML mapping.
    """
    text = files.get(file)
    if text is None:
        hint = f"it has {', '.join(sorted(files)) or 'no file'}"
        raise BadConfig(Problem(path, f"the config has no file {file}", hint, reason="NotFound"))
    try:
        documents = load_documents(text, file)
    except InvalidWorkspace as error:
        raise BadConfig(Problem(path, error.message, reason="BadSyntax")) from None
    document = documents[0] if documents else Document({})
    if not isinstance(document.data, Mapping):
        raise BadConfig(Problem(path, f"{file} is no mapping", reason="BadSyntax"))
    return document


def is_quoted(document: Document, text: str, path: str) -> bool:
    """Return whether the value at ``path`` is written in quotes, in the ``text`` that ``document`` was read from."""
    place = document.position(path)
    if place is None:
        return False
    line, column = place
    key = path.rpartition(".")[2]
    return bool(re.match(rf"""["']?{re.escape(key)}["']?\s*:\s*["']""", text.splitlines()[line - 1][column - 1 :]))


def as_bool(value: Any) -> bool | None:
    """``value`` as true or false, also in the words of YAML 1.1, which the process that reads the file knows."""
    if isinstance(value, bool):
        return value
    return _YAML_1_1.get(value.lower()) if isinstance(value, str) else None
