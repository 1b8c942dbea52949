"""KAITO's ``inference_config.yaml``: the values that the plan needs."""

from __future__ import annotations

from llmwright.errors import InvalidWorkspace, Problem

CONFIG_FILE = "inference_config.yaml"


def context_of(text: str) -> int | None:
    """Return ``vllm.max-model-len`` of the file, None where it is absent or no whole number.

    Raises:
        InvalidWorkspace: it is no YAML mapping.
    """
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidWorkspace([Problem(CONFIG_FILE, f"is no YAML: {' '.join(str(error).split())}")]) from error
    if document is None:
        return None
    section = document.get("vllm", {}) if isinstance(document, dict) else None
    if not isinstance(section, dict):
        raise InvalidWorkspace([Problem(CONFIG_FILE, "expected a mapping with a mapping `vllm`")])
    length = section.get("max-model-len")
    return length if isinstance(length, int) and not isinstance(length, bool) and length > 0 else None
