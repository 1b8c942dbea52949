"""Drivers that are named: that they are installed, and what they say about their own options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from llmwright.check.check_input import CheckInput
from llmwright.check.facts import DriverKind
from llmwright.check.kubernetes_names import plugin_hint
from llmwright.errors import Problem


def check_driver_names(inputs: CheckInput) -> Iterator[Problem]:
    """Provisioner and runtime are installed (the tuning method is ``tuning``'s)."""
    inference = inputs.written.inference
    named = (
        ("resource.provisioner", "provisioner", inputs.written.resource.provisioner, inputs.facts.provisioners),
        ("inference.runtime", "runtime", inference.runtime if inference else None, inputs.facts.runtimes),
    )
    for path, kind, name, installed in named:
        if name is not None and installed is not None and name not in installed:
            message = f"no plugin answers to {kind} {name!r}"
            yield Problem(path, message, plugin_hint(kind, name, installed), reason="PluginNotFound")


def check_driver_options(inputs: CheckInput) -> Iterator[Problem]:
    """Each driver's own judgement of the open object beside its name, and of the config that is named."""
    configure = inputs.facts.configure
    if configure is None:
        return
    for kind, name, path, options, config in _configured(inputs):
        files = _files(inputs, config)
        for problem in configure(kind, name, options, files):
            yield _placed(problem, path, config, files)


def _configured(inputs: CheckInput) -> Iterator[tuple[DriverKind, str, str, Mapping[str, Any], tuple[str, str]]]:
    """Kind, name, path of its options, options, and path and name of its config."""
    resource, inference, tuning = inputs.written.resource, inputs.written.inference, inputs.written.tuning
    provisioner = inputs.provisioner
    if provisioner and (inputs.facts.provisioners is None or provisioner in inputs.facts.provisioners):
        yield "provisioner", provisioner, "resource.provisionerConfig", resource.provisioner_config, ("", "")
    if inference and inference.preset and (inputs.facts.runtimes is None or inputs.runtime in inputs.facts.runtimes):
        config = ("inference.config", inference.config)
        yield "runtime", inputs.runtime, "inference.runtimeConfig", inference.runtime_config, config
    method = tuning.method.lower() if tuning else ""
    if tuning and method and (inputs.facts.tuners is None or method in inputs.facts.tuners):
        yield "tuner", method, "tuning.methodConfig", tuning.method_config, ("tuning.config", tuning.config)


def _files(inputs: CheckInput, config: tuple[str, str]) -> Mapping[str, str]:
    name = config[1]
    return (inputs.config_files(inputs.written.namespace, name) if name else None) or {}


def _placed(problem: Problem, path: str, config: tuple[str, str], files: Mapping[str, str]) -> Problem:
    """A path relative to the options made one of the Workspace; one into a file becomes part of the message."""
    if any(problem.path.startswith(file) for file in files):
        return replace(problem, path=config[0], message=f"{problem.path}: {problem.message}", line=None, column=None)
    joined = path + problem.path if problem.path.startswith("[") else f"{path}.{problem.path}".rstrip(".")
    return replace(problem, path=joined)
