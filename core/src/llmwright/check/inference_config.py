"""``inference_config.yaml``: flags for the engine that the user's config holds (KAITO v0.12)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from llmwright.check.check_input import CheckInput
from llmwright.check.config_file import BadConfig, read_mapping
from llmwright.check.facts import Severity
from llmwright.errors import Problem
from llmwright.plugins.drivers import Runtime
from llmwright.plugins.selection import engine_of

FILE = "inference_config.yaml"
PATH = "inference.config"
MAX_LENGTH = "max-model-len"

_SMALL_GPU = 20 * 1024**3
_WHOLE = re.compile(r"[-+]?\d+\Z")


def check_inference_config(inputs: CheckInput) -> Iterator[Problem]:
    """The config is there, and holds flags that the engine can take for this preset."""
    inference = inputs.written.inference
    if inference is None or not inputs.on_cluster:
        return
    section = inputs.runtime.config_section if inputs.runtime is not None else ""
    if inputs.cluster.config_files is None:
        if section and inference.config and not inputs.policy.buys:
            yield _not_at_hand(inference.config)
        return
    where = _where(inputs, inference.config)
    if where is None:
        return
    files = inputs.config_files(*where)
    if files is None:
        message = f"there is no ConfigMap {where[1]!r} in namespace {where[0]!r}"
        severity: Severity = "error" if section else "warning"
        yield Problem(PATH, message, "create it, or correct the name", severity=severity, reason="NotFound")
    elif section:
        yield from _flag_problems(inputs, files, section)


def check_flags_are_read(inputs: CheckInput) -> Iterator[Problem]:
    """Flags of a config reach an engine; else they are told, for nothing else would tell that they do nothing."""
    inference = inputs.written.inference
    if inference is None or not inference.config or inputs.runtime is None:
        return
    files = inputs.config_files(inputs.written.namespace, inference.config)
    unread = _unread(inputs, inputs.runtime)
    if files is None or unread is None or not _sections(files):
        return
    who, hint = unread
    message = f"{FILE}: {', '.join(_sections(files))} is not read: {who} takes no flags of a config"
    yield Problem(PATH, message, hint, severity="warning", reason="NotUsed")


def _unread(inputs: CheckInput, runtime: type[Runtime]) -> tuple[str, str] | None:
    """Return who would read no flags, and what to do; None where flags are read."""
    choice, engine = engine_of(runtime, inputs.demand)
    own = "write its options below inference.runtimeConfig"
    if not runtime.config_section:
        able = inputs.drivers.installed.named("runtime", lambda each: bool(each.config_section))
        return str(inputs.runtime_name), f"{own}, or runtime: {' or '.join(able)}" if able else own
    if engine.reads_config:
        return None
    able = tuple(name for name, each in runtime.engines.items() if each.reads_config)
    who = f"{inputs.runtime_name} with the engine {choice.name if choice else ''}"
    return who, f"{own}, or runtimeConfig.engine: {' or '.join(able)}" if able else own


def _sections(files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the sections of the file that hold something."""
    try:
        return tuple(str(name) for name, flags in read_mapping(PATH, files, FILE).items() if flags)
    except BadConfig:
        return ()


def _not_at_hand(name: str) -> Problem:
    """Return the warning of a plan that lacks the flags of a config which only the cluster has."""
    message = f"the ConfigMap {name!r} is not beside this Workspace: its flags are not in what is shown here"
    hint = "put it into the same YAML, or a file of its name beside it; on a cluster the operator reads it"
    return Problem(PATH, message, hint, severity="warning", reason="NotAtHand")


def _where(inputs: CheckInput, name: str) -> tuple[str, str] | None:
    if name:
        return inputs.written.namespace, name
    template = inputs.runtime.config_template if inputs.runtime is not None else ""
    if inputs.v1alpha1 and inputs.cluster.release_namespace and template:
        return inputs.cluster.release_namespace, template
    return None


def _flag_problems(inputs: CheckInput, files: Mapping[str, str], section: str) -> Iterator[Problem]:
    try:
        flags = read_mapping(PATH, files, FILE).get(section)
    except BadConfig as bad:
        yield bad.problem
        return
    if flags is None:
        flags = {}
    if not isinstance(flags, Mapping):
        yield Problem(PATH, f"{FILE}: {section} must be a mapping of flags", reason="WrongType")
        return
    for flag, value in flags.items():
        if isinstance(value, Mapping | list):
            message = f"{FILE}: {section}.{flag} must be text, a number or true/false"
            yield Problem(PATH, message, "write a JSON text in quotes", reason="WrongType")
    yield from _length_problems(inputs, f"{section}.{MAX_LENGTH}", flags.get(MAX_LENGTH))


def _length_problems(inputs: CheckInput, flag: str, value: Any) -> Iterator[Problem]:
    text = "" if value is None else str(value).strip()
    if not text:
        if inputs.v1alpha1 and _needs_length(inputs):
            message = f"{FILE}: {flag} is required with several nodes, or several GPUs below 20 GiB"
            yield Problem(PATH, message, f"write {MAX_LENGTH}: 4096 there", reason="Required")
        return
    limit = inputs.inference_preset.context if inputs.inference_preset else 0
    if not _WHOLE.match(text):
        if limit:
            yield Problem(PATH, f"{FILE}: {flag} is {text!r}, no whole number", reason="WrongType")
        return
    length = int(text)
    if limit and length > limit:
        message = f"{FILE}: {flag} is {length}, the model's context ends at {limit}"
        yield Problem(PATH, message, f"at most {limit}", reason="OutOfRange")
    if length < 1 and length != -1:
        message = f"{FILE}: {flag} is {length}, no length"
        yield Problem(PATH, message, "1 or more", reason="Unworkable")


def _needs_length(inputs: CheckInput) -> bool:
    machine = inputs.machine
    small = machine is not None and machine.gpus > 1 and machine.gpu_memory_bytes < _SMALL_GPU
    return small or inputs.count > 1
