"""``training_config.yaml``: the rules of KAITO's webhook on it (v0.12)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import normpath
from typing import Any

from llmwright.check.check_input import CheckInput
from llmwright.check.config_file import BadConfig, as_bool, read_mapping
from llmwright.check.kubernetes_names import suggestion
from llmwright.errors import Problem

FILE = "training_config.yaml"
ROOT = "training_config"
PATH = "tuning.config"
SECTIONS = (
    "ModelConfig",
    "QuantizationConfig",
    "LoraConfig",
    "TrainingArguments",
    "DatasetConfig",
    "DataCollator",
)
TEMPLATES = {"lora": "lora-params-template", "qlora": "qlora-params-template"}
BASE_DIRECTORY = "/mnt"


def check_tuning_config(inputs: CheckInput) -> Iterator[Problem]:
    """The config of lora and qlora is there and fits the method; other tuners judge theirs themselves."""
    tuning = inputs.written.tuning
    method = tuning.method.lower() if tuning else ""
    if tuning is None or inputs.facts.config_files is None or method not in TEMPLATES:
        return
    namespace, name = inputs.written.namespace, tuning.config
    if not name:
        if inputs.facts.release_namespace is None:
            return
        namespace, name = inputs.facts.release_namespace, TEMPLATES[method]
    files = inputs.config_files(namespace, name)
    if files is None:
        where = f"ConfigMap {name!r} in namespace {namespace!r}" if inputs.on_cluster else f"config {name!r}"
        yield Problem(PATH, f"there is no {where}", "create it, or correct the name", reason="NotFound")
        return
    try:
        yield from _rules(method, _sections(files))
    except BadConfig as bad:
        yield bad.problem


def _sections(files: Mapping[str, str]) -> Mapping[str, Any]:
    sections = read_mapping(PATH, files, FILE).get(ROOT)
    if not isinstance(sections, Mapping):
        hint = f"its sections are {', '.join(SECTIONS)}"
        raise BadConfig(Problem(PATH, f"{FILE}: {ROOT} must be a mapping", hint, reason="WrongType"))
    return sections


def _rules(method: str, sections: Mapping[str, Any]) -> Iterator[Problem]:
    for name in sections:
        if name not in SECTIONS:
            yield _problem(f"{ROOT}.{name}", "is no section", suggestion(name, SECTIONS), reason="UnknownField")
    yield from _quantization_rules(method, _section(sections, "QuantizationConfig"))
    arguments = _section(sections, "TrainingArguments")
    if "output_dir" in arguments:
        yield from _output_rules(arguments["output_dir"])


def _section(sections: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = sections.get(name)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise BadConfig(_problem(f"{ROOT}.{name}", "must be a mapping", reason="WrongType"))
    return found


def _quantization_rules(method: str, section: Mapping[str, Any]) -> Iterator[Problem]:
    where = f"{ROOT}.QuantizationConfig"
    wanted = {}
    for key in ("load_in_4bit", "load_in_8bit"):
        value = section.get(key)
        wanted[key] = bool(as_bool(value))
        if value is not None and as_bool(value) is None:
            yield _problem(f"{where}.{key}", f"is {value!r}, not true or false", reason="WrongType")
    chosen = [key for key, yes in wanted.items() if yes]
    if len(chosen) == 2:
        yield _problem(where, "load_in_4bit and load_in_8bit exclude each other", "keep one", reason="Conflict")
    if method == "lora" and chosen:
        yield _problem(f"{where}.{chosen[0]}", "method lora is not quantised", "write method: qlora", reason="Conflict")
    if method == "qlora" and not chosen:
        hint = "write load_in_4bit: true"
        yield _problem(where, "method qlora needs load_in_4bit or load_in_8bit", hint, reason="Required")


def _output_rules(value: Any) -> Iterator[Problem]:
    where, hint = f"{ROOT}.TrainingArguments.output_dir", f"a directory under {BASE_DIRECTORY}"
    if not isinstance(value, str):
        yield _problem(where, f"is {value!r}, not text", hint, reason="WrongType")
        return
    path = normpath(f"{BASE_DIRECTORY}/{value}")
    if path == BASE_DIRECTORY or not path.startswith(BASE_DIRECTORY):
        yield _problem(where, f"{value!r} is no directory under {BASE_DIRECTORY}", hint, reason="OutOfRange")
    elif not path.startswith(BASE_DIRECTORY + "/"):
        # KAITO compares text, not directories, so that /mntfoo passes there and fails when the Job is made.
        yield _problem(where, f"{value!r} leads to {path}, outside {BASE_DIRECTORY}", hint, reason="Unworkable")


def _problem(where: str, message: str, hint: str = "", *, reason: str) -> Problem:
    return Problem(PATH, f"{FILE}: {where} {message}", hint, reason=reason)
