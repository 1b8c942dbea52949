"""KAITO's ``inference_config.yaml``: the engine's flags that the user gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from llmwright.errors import InvalidWorkspace, Problem
from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json
from llmwright.reading.yaml_1_1 import plain_scalar_1_1
from llmwright.reading.yaml_reader import read
from llmwright_runtime_vllm.engine_flags import FlagList, spelling, text_of

CONFIG_FILE = "inference_config.yaml"
SECTION = "vllm"
PICKLES = frozenset({"pt", "npcache"})
"""The engine's formats that read nothing but pickles (vLLM's ``default_loader.py``)."""
_OFF = frozenset({"false", "0", "no", "off"})
"""Values that turn a flag off. Without a value it is on."""

DECIDED: Mapping[str, str] = {
    **dict.fromkeys(("host", "port", "uds", "root-path"), "requests and probes come to the address of the plan"),
    **dict.fromkeys(("ssl-keyfile", "ssl-certfile"), "probes and the Service ask by plain HTTP"),
    **dict.fromkeys(("nnodes", "node-rank", "master-addr", "master-port", "headless"), "the plan joins the machines"),
    **dict.fromkeys(("model", "model-tag"), "the preset names the model"),
    "api-key": "a key is kept in the Secret llmwright-api-key, not in a config",
    "config": "this file is the config",
}
"""Flags that a config may not set, and why."""


def user_flags(text: str, known: FlagList) -> dict[str, Any]:
    """Return the lines of the file's ``vllm``, flag to value, by the spelling of the engine.

    Raises:
        InvalidWorkspace: the file is no YAML mapping, or a line that this release does not take; each with its path.
    """
    section = _section(text)
    problems = [_placed(problem) for problem in _problems(section, known)]
    if problems:
        raise InvalidWorkspace(problems)
    return {spelling(name): value for name, value in section.items()}


def context_of(flags: Mapping[str, Any]) -> int | None:
    """Return ``max-model-len`` in tokens, None where it is absent or no whole number."""
    length = flags.get("max-model-len")
    return length if isinstance(length, int) and not isinstance(length, bool) and length > 0 else None


def served_names(planned: tuple[str, ...], flags: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names that the engine serves, where ``planned`` are the base's and the adapters' by the plan.

    ``served-model-name`` holds the base's, one or more; ``lora-modules`` the adapters', each as ``NAME=PATH`` or JSON.
    """
    base, *adapters = planned
    bases = text_of(flags.get("served-model-name")).split() or [base]
    if "lora-modules" in flags:
        adapters = [_module_name(word) for word in text_of(flags["lora-modules"]).split()]
    return (*bases, *adapters)


def _module_name(word: str) -> str:
    """Return the name in one word of ``lora-modules``; empty where the engine's parser takes it not."""
    if "=" in word and "," not in word:
        name, _, path = word.partition("=")
        return name if path else ""
    try:
        module = read_json(word)
    except Unreadable:
        return ""
    fits = isinstance(module, dict) and isinstance(module.get("name"), str) and isinstance(module.get("path"), str)
    return str(module["name"]) if fits else ""


def code_fields(files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the paths of the file's flags that let the engine run Python code from a model's repository.

    The engine takes a dash and an underscore alike. A file that is damaged has none: ``user_flags`` refuses it.
    """
    try:
        section = _section(files.get(CONFIG_FILE, ""))
    except InvalidWorkspace:
        return ()
    flags = (name for name, value in section.items() if is_code_flag(name) and str(value).lower() not in _OFF)
    return tuple(f"{CONFIG_FILE}:{SECTION}.{flag}" for flag in flags)


def is_code_flag(name: str) -> bool:
    """Whether it is the engine's flag to run Python code from a model's repository, in any of its spellings."""
    return name.lstrip("-").lower().replace("_", "-") == "trust-remote-code"


def _section(text: str) -> dict[str, Any]:
    try:
        documents = read(text, "", plain_scalar_1_1)
    except InvalidWorkspace as error:
        raise InvalidWorkspace([replace(problem, path=CONFIG_FILE) for problem in error.problems]) from error
    if len(documents) > 1:
        raise InvalidWorkspace([Problem(CONFIG_FILE, f"holds {len(documents)} documents, one is expected")])
    document = documents[0].data if documents else None
    if document is None:
        return {}
    section = document.get(SECTION) if isinstance(document, dict) else ()
    if section is None:
        return {}
    if not isinstance(section, dict):
        raise InvalidWorkspace([Problem(CONFIG_FILE, f"expected a mapping with a mapping `{SECTION}`")])
    return {str(name): value for name, value in section.items()}


def _problems(section: Mapping[str, Any], known: FlagList) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, value in section.items():
        spelled = spelling(name)
        if spelled in seen:
            yield Problem(name, f"is the flag {seen[spelled]!r} once more", "leave one of them out")
        seen[spelled] = name
        problem = _unsafe(name, value) or _decided(name) or known.problem(name, value) or _nameless(name, value)
        if problem is not None:
            yield problem
        elif isinstance(value, dict | list):
            yield Problem(name, "must be text, a number or true/false", "write a JSON text in quotes")


def _unsafe(name: str, value: Any) -> Problem | None:
    if spelling(name) != "load-format" or text_of(value).lower() not in PICKLES:
        return None
    message = f"{value} loads pickles, which can run code; only safetensors are loaded"
    hint = "leave the line out, and write the weights with save_pretrained"
    return Problem(name, message, hint, reason="UnsafeWeights")


def _nameless(name: str, value: Any) -> Problem | None:
    """Return the problem of a list of served names in which one is missing: requests could not name the model."""
    words = text_of(value).split()
    if spelling(name) == "served-model-name":
        return None if words else Problem(name, "is empty", "write a name, or leave the line out")
    if spelling(name) == "lora-modules" and not (words and all(map(_module_name, words))):
        return Problem(name, f"is {text_of(value)!r}", "write NAME=PATH, several with a blank between them")
    return None


def _decided(name: str) -> Problem | None:
    why = DECIDED.get(spelling(name))
    return Problem(name, f"cannot be set here: {why}", "leave the line out", reason="DecidedByPlan") if why else None


def _placed(problem: Problem) -> Problem:
    return replace(problem, path=f"{CONFIG_FILE}:{SECTION}.{problem.path}")
