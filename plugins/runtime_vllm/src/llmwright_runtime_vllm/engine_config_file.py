"""KAITO's ``inference_config.yaml``: the values that the plan needs."""

from __future__ import annotations

from dataclasses import replace

from llmwright.errors import InvalidWorkspace, Problem
from llmwright.reading.yaml_1_1 import plain_scalar_1_1
from llmwright.reading.yaml_reader import read

CONFIG_FILE = "inference_config.yaml"
PICKLES = frozenset({"pt", "npcache"})
"""The engine's formats that read nothing but pickles (vLLM's ``default_loader.py``)."""
_OFF = frozenset({"false", "0", "no", "off"})
"""Values that turn a flag off. Without a value it is on."""


def context_of(text: str) -> int | None:
    """Return ``vllm.max-model-len`` of the file, None where it is absent or no whole number.

    Raises:
        InvalidWorkspace: it is no YAML mapping, or asks for weights in pickles.
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
    _refuse_pickles(section)
    length = section.get("max-model-len")
    return length if isinstance(length, int) and not isinstance(length, bool) and length > 0 else None


def _refuse_pickles(section: dict[str, object]) -> None:
    for name, value in section.items():
        if str(name).lstrip("-").replace("_", "-") == "load-format" and str(value).lower() in PICKLES:
            message = f"{value} loads pickles, which can run code; only safetensors are loaded"
            hint = "leave the line out, and write the weights with save_pretrained"
            raise InvalidWorkspace([Problem(f"{CONFIG_FILE}:vllm.{name}", message, hint=hint, reason="UnsafeWeights")])


def code_flags(text: str) -> tuple[str, ...]:
    """Return the flags in the file's ``vllm`` that let the engine run Python code from a model's repository.

    The engine takes a dash and an underscore alike. A file that is damaged has none: ``context_of`` refuses it.
    """
    try:
        documents = read(text, "", plain_scalar_1_1)
    except InvalidWorkspace:
        return ()
    document = documents[0].data if documents else None
    section = document.get("vllm") if isinstance(document, dict) else None
    if not isinstance(section, dict):
        return ()
    flags = {str(name): value for name, value in section.items()}
    return tuple(name for name, value in flags.items() if is_code_flag(name) and str(value).lower() not in _OFF)


def is_code_flag(name: str) -> bool:
    """Whether it is the engine's flag to run Python code from a model's repository, in any of its spellings."""
    return name.lstrip("-").lower().replace("_", "-") == "trust-remote-code"
