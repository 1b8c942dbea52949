"""KAITO's ``inference_config.yaml``: the values that the plan needs."""

from __future__ import annotations

from dataclasses import replace

from llmwright.errors import InvalidWorkspace, Problem
from llmwright.reading.yaml_1_1 import plain_scalar_1_1
from llmwright.reading.yaml_reader import read

CONFIG_FILE = "inference_config.yaml"


def context_of(text: str) -> int | None:
    """Return ``vllm.max-model-len`` of the file, None where it is absent or no whole number.

    Raises:
        InvalidWorkspace: it is no YAML mapping.
    """
    try:
        documents = read(text, "", plain_scalar_1_1)
    except InvalidWorkspace as error:
        raise InvalidWorkspace([replace(problem, path=CONFIG_FILE) for problem in error.problems]) from error
    if len(documents) > 1:
        raise InvalidWorkspace([Problem(CONFIG_FILE, f"holds {len(documents)} documents, one is expected")])
    document = documents[0].data if documents else None
    if document is None:
        return None
    section = document.get("vllm", {}) if isinstance(document, dict) else None
    if not isinstance(section, dict):
        raise InvalidWorkspace([Problem(CONFIG_FILE, "expected a mapping with a mapping `vllm`")])
    length = section.get("max-model-len")
    return length if isinstance(length, int) and not isinstance(length, bool) and length > 0 else None
