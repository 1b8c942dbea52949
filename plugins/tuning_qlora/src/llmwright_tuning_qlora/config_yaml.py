"""The YAML of ``training_config.yaml``: its root, and no key twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmwright.errors import InvalidWorkspace, Problem
from llmwright.reading.yaml_1_1 import plain_scalar_1_1
from llmwright.reading.yaml_reader import read

CONFIG_FILE = "training_config.yaml"
ROOT = "training_config"


def read_config_yaml(text: str) -> Mapping[str, Any]:
    """Return the sections below the root ``training_config``.

    Raises:
        InvalidWorkspace: ``text`` is not YAML, or has another root.
    """
    document = _parse(text)
    if not isinstance(document, Mapping) or set(document) != {ROOT}:
        raise InvalidWorkspace([Problem(CONFIG_FILE, f"expected the one key {ROOT!r} at the top")])
    sections = document[ROOT]
    if sections is None:
        return {}
    if not isinstance(sections, Mapping):
        raise InvalidWorkspace([Problem(f"{CONFIG_FILE}:{ROOT}", f"Expected {ROOT!r} key to contain a map")])
    return sections


def _parse(text: str) -> object:
    """Return the one document, with the values of YAML 1.1: the tuner's image reads the file again with PyYAML."""
    try:
        documents = read(text, "", plain_scalar_1_1)
    except InvalidWorkspace as error:
        raise InvalidWorkspace([replace(problem, path=_place(problem.path)) for problem in error.problems]) from error
    if len(documents) > 1:
        raise InvalidWorkspace([Problem(CONFIG_FILE, f"holds {len(documents)} documents, one is expected")])
    return documents[0].data if documents else None


def _place(path: str) -> str:
    return f"{CONFIG_FILE}:{path}" if path else CONFIG_FILE
