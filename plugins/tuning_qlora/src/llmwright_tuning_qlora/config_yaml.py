"""The YAML of ``training_config.yaml``: its root, and no key twice."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import yaml

from llmwright.errors import InvalidWorkspace, Problem

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


class _UniqueKeys(yaml.SafeLoader):
    """YAML 1.1 in which a key must not stand twice. PyYAML would silently take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _parse(text: str) -> object:
    try:
        return yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        message = f"not YAML: {getattr(error, 'problem', None) or error}"
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise InvalidWorkspace([Problem(CONFIG_FILE, message, line=line, column=column)]) from error
