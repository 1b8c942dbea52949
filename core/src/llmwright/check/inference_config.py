"""``inference_config.yaml``: flags for vLLM that the user's config holds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from llmwright.check.check_input import CheckInput
from llmwright.check.config_file import BadConfig, read_mapping
from llmwright.check.facts import Severity
from llmwright.errors import Problem

FILE = "inference_config.yaml"
TEMPLATE = "inference-params-template"
PATH = "inference.config"
MAX_LENGTH = "max-model-len"

_SMALL_GPU = 20 * 1024**3
_WHOLE = re.compile(r"[-+]?\d+\Z")


def check_inference_config(inputs: CheckInput) -> Iterator[Problem]:
    """The config is there, and holds flags that vLLM can take for this preset."""
    inference = inputs.written.inference
    if inference is None or inputs.facts.config_files is None or not inputs.on_cluster:
        return
    where = _where(inputs, inference.config)
    if where is None:
        return
    files = inputs.config_files(*where)
    if files is None:
        message = f"there is no ConfigMap {where[1]!r} in namespace {where[0]!r}"
        severity: Severity = "error" if inputs.runtime == "vllm" else "warning"
        yield Problem(PATH, message, "create it, or correct the name", severity=severity, reason="NotFound")
    elif inputs.runtime == "vllm":
        yield from _vllm_problems(inputs, files)


def _where(inputs: CheckInput, name: str) -> tuple[str, str] | None:
    if name:
        return inputs.written.namespace, name
    if inputs.v1alpha1 and inputs.facts.release_namespace and inputs.runtime == "vllm":
        return inputs.facts.release_namespace, TEMPLATE
    return None


def _vllm_problems(inputs: CheckInput, files: Mapping[str, str]) -> Iterator[Problem]:
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
    yield from _length_problems(inputs, flags.get(MAX_LENGTH))


def _length_problems(inputs: CheckInput, value: Any) -> Iterator[Problem]:
    text = "" if value is None else str(value).strip()
    if not text:
        if inputs.v1alpha1 and _needs_length(inputs):
            message = f"{FILE}: vllm.{MAX_LENGTH} is required with several nodes, or several GPUs below 20 GiB"
            yield Problem(PATH, message, f"write vllm: {{{MAX_LENGTH}: 4096}}", reason="Required")
        return
    limit = inputs.inference_preset.context if inputs.inference_preset else 0
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


def _needs_length(inputs: CheckInput) -> bool:
    machine = inputs.facts.find_instance_type(inputs.workspace.resource.instance_type)
    small = machine is not None and machine.gpus > 1 and machine.gpu_memory_bytes < _SMALL_GPU
    return small or inputs.count > 1
