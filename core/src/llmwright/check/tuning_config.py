"""``training_config.yaml``: the rules of KAITO's webhook on it (v0.12)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import normpath
from typing import Any

from llmwright.api.document import Document
from llmwright.check.check_input import CheckInput
from llmwright.check.config_file import BadConfig, as_bool, is_quoted, read_document
from llmwright.errors import Problem, did_you_mean
from llmwright.plugins.drivers import Tuner

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
QUANTIZED_BY = ("load_in_4bit", "load_in_8bit")
BASE_DIRECTORY = "/mnt"


def check_tuning_config(inputs: CheckInput) -> Iterator[Problem]:
    """The config is there and fits the method, for tuners whose config is KAITO's; others judge theirs themselves."""
    tuning = inputs.written.tuning
    method = tuning.method.lower() if tuning else ""
    tuner = inputs.drivers.installed.find_tuner(method)
    if tuning is None or inputs.cluster.config_files is None or tuner is None or not tuner.config_template:
        return
    namespace, name = inputs.written.namespace, tuning.config
    if not name:
        if inputs.cluster.release_namespace is None:
            return
        namespace, name = inputs.cluster.release_namespace, tuner.config_template
    files = inputs.config_files(namespace, name)
    if files is None:
        where = f"ConfigMap {name!r} in namespace {namespace!r}" if inputs.on_cluster else f"config {name!r}"
        yield Problem(PATH, f"there is no {where}", "create it, or correct the name", reason="NotFound")
        return
    try:
        document = read_document(PATH, files, FILE)
        yield from _words_in_quotes(document, files[FILE])
        yield from _rules(inputs, method, tuner, _sections(document))
    except BadConfig as bad:
        yield bad.problem


def _sections(document: Document) -> Mapping[str, Any]:
    sections = document.data.get(ROOT)
    if not isinstance(sections, Mapping):
        hint = f"its sections are {', '.join(SECTIONS)}"
        raise BadConfig(Problem(PATH, f"{FILE}: {ROOT} must be a mapping", hint, reason="WrongType"))
    return sections


def _rules(inputs: CheckInput, method: str, tuner: type[Tuner], sections: Mapping[str, Any]) -> Iterator[Problem]:
    for name in sections:
        if name not in SECTIONS:
            yield _problem(f"{ROOT}.{name}", "is no section", did_you_mean(name, SECTIONS), reason="UnknownField")
    chosen, problems = _quantization(_section(sections, "QuantizationConfig"))
    yield from problems
    where = f"{ROOT}.QuantizationConfig"
    if tuner.quantized is False and chosen:
        quantized = inputs.drivers.installed.named("tuner", lambda driver: driver.quantized is True)
        hint = f"write method: {' or '.join(quantized)}" if quantized else "remove it"
        yield _problem(f"{where}.{chosen[0]}", f"method {method} is not quantised", hint, reason="Conflict")
    if tuner.quantized is True and not chosen:
        hint = "write load_in_4bit: true"
        yield _problem(where, f"method {method} needs load_in_4bit or load_in_8bit", hint, reason="Required")
    arguments = _section(sections, "TrainingArguments")
    if "output_dir" in arguments:
        yield from _output_rules(arguments["output_dir"])


def _words_in_quotes(document: Document, text: str) -> Iterator[Problem]:
    """A word such as yes is true or false only without quotes, as KAITO reads it (YAML 1.1)."""
    for key in QUANTIZED_BY:
        where = f"{ROOT}.QuantizationConfig.{key}"
        sections = document.data.get(ROOT)
        section = sections.get("QuantizationConfig") if isinstance(sections, Mapping) else None
        value = section.get(key) if isinstance(section, Mapping) else None
        if isinstance(value, str) and as_bool(value) is not None and is_quoted(document, text, where):
            yield _problem(where, f"is the text {value!r}, not true or false", "remove the quotes", reason="WrongType")


def _section(sections: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = sections.get(name)
    if section is None:
        return {}
    if not isinstance(section, Mapping):
        raise BadConfig(_problem(f"{ROOT}.{name}", "must be a mapping", reason="WrongType"))
    return section


def _quantization(section: Mapping[str, Any]) -> tuple[list[str], list[Problem]]:
    """The ways of quantising that are switched on, and what is wrong with the section itself."""
    where = f"{ROOT}.QuantizationConfig"
    chosen: list[str] = []
    problems: list[Problem] = []
    for key in QUANTIZED_BY:
        value = section.get(key)
        if as_bool(value):
            chosen.append(key)
        if value is not None and as_bool(value) is None:
            problems.append(_problem(f"{where}.{key}", f"is {value!r}, not true or false", reason="WrongType"))
    if len(chosen) == 2:
        message = "load_in_4bit and load_in_8bit exclude each other"
        problems.append(_problem(where, message, "keep one", reason="Conflict"))
    return chosen, problems


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
