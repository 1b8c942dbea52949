"""``inference_config.yaml``: flags for vLLM that the user's config holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from llmwright.check.config_file import BadConfig, read_mapping
from llmwright.check.facts import Severity
from llmwright.check.subject import Subject
from llmwright.errors import Problem

FILE = "inference_config.yaml"
TEMPLATE = "inference-params-template"
PATH = "inference.config"
MAX_LENGTH = "max-model-len"

_SMALL_GPU = 20 * 1024**3
_WHOLE = re.compile(r"[-+]?\d+\Z")


def check_inference_config(subject: Subject) -> Iterator[Problem]:
    """The config is there, and holds flags that vLLM can take for this preset."""
    inference = subject.written.inference
    if inference is None or subject.facts.config_files is None or not subject.on_cluster:
        return
    where = _where(subject, inference.config)
    if where is None:
        return
    files = subject.config_files(*where)
    if files is None:
        message = f"there is no ConfigMap {where[1]!r} in namespace {where[0]!r}"
        severity: Severity = "error" if subject.runtime == "vllm" else "warning"
        yield Problem(PATH, message, "create it, or correct the name", severity=severity, reason="NotFound")
    elif subject.runtime == "vllm":
        yield from _vllm_problems(subject, files)


def _where(subject: Subject, name: str) -> tuple[str, str] | None:
    if name:
        return subject.written.namespace, name
    if subject.v1alpha1 and subject.facts.release_namespace and subject.runtime == "vllm":
        return subject.facts.release_namespace, TEMPLATE
    return None


def _vllm_problems(subject: Subject, files: Mapping[str, str]) -> Iterator[Problem]:
    try:
        flags = read_mapping(PATH, files, FILE).get("vllm")
    except BadConfig as bad:
        yield bad.problem
        return
    if flags is None:
        flags = {}
    if not isinstance(flags, Mapping):
        yield Problem(PATH, f"{FILE}: vllm must be a mapping of flags", reason="WrongType")
        return
    for flag, value in flags.items():
        if isinstance(value, Mapping | list):
            message = f"{FILE}: vllm.{flag} must be text, a number or true/false"
            yield Problem(PATH, message, "write a JSON text in quotes", reason="WrongType")
    yield from _length_problems(subject, flags.get(MAX_LENGTH))


def _length_problems(subject: Subject, value: Any) -> Iterator[Problem]:
    text = "" if value is None else str(value).strip()
    if not text:
        if subject.v1alpha1 and _needs_length(subject):
            message = f"{FILE}: vllm.{MAX_LENGTH} is required with several nodes, or several GPUs below 20 GiB"
            yield Problem(PATH, message, f"write vllm: {{{MAX_LENGTH}: 4096}}", reason="Required")
        return
    limit = subject.inference_preset.context if subject.inference_preset else 0
    if not _WHOLE.match(text):
        if limit:
            yield Problem(PATH, f"{FILE}: vllm.{MAX_LENGTH} is {text!r}, no whole number", reason="WrongType")
        return
    length = int(text)
    if limit and length > limit:
        message = f"{FILE}: vllm.{MAX_LENGTH} is {length}, the model's context ends at {limit}"
        yield Problem(PATH, message, f"at most {limit}", reason="OutOfRange")
    if length < 1 and length != -1:
        message = f"{FILE}: vllm.{MAX_LENGTH} is {length}, no length"
        yield Problem(PATH, message, "1 or more", reason="Unworkable")


def _needs_length(subject: Subject) -> bool:
    machine = subject.facts.find_instance_type(subject.workspace.resource.instance_type)
    small = machine is not None and machine.gpus > 1 and machine.gpu_memory_bytes < _SMALL_GPU
    return small or subject.count > 1
