"""Drivers that are named: that they are installed, and what they say about their own options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from llmwright.check.check_input import CheckInput
from llmwright.errors import Problem, did_you_mean
from llmwright.plugins.configuration import option_names
from llmwright.plugins.driver_set import DriverKind
from llmwright.plugins.installing import pip_install
from llmwright.plugins.known import requirement

NAMED_BY: Mapping[DriverKind, str] = {"runtime": ", which inference.runtime names"}
"""How the user says which driver of a kind is meant."""


def check_driver_names(inputs: CheckInput) -> Iterator[Problem]:
    """Provisioner and runtime are installed (the tuning method is ``tuning``'s)."""
    inference = inputs.written.inference
    named: tuple[tuple[str, DriverKind, str | None], ...] = (
        ("resource.provisioner", "provisioner", inputs.written.resource.provisioner),
        ("inference.runtime", "runtime", inference.runtime if inference else None),
    )
    for path, kind, name in named:
        installed = inputs.drivers.installed.names(kind)
        if name is not None and name not in installed:
            message = f"no plugin answers to {kind} {name!r}"
            yield Problem(path, message, driver_hint(kind, name, installed), reason="PluginNotFound")


def driver_hint(kind: DriverKind, name: str, installed: Iterable[str]) -> str:
    """Return how to get a driver that is not installed, or what was meant."""
    package = requirement(kind, name)
    return pip_install(package) if package else did_you_mean(name, installed, "llmwright plugins list")


def check_driver_options(inputs: CheckInput) -> Iterator[Problem]:
    """Each driver's own judgement of the open object beside its name, and of the config that is named."""
    configure = inputs.drivers.configure
    if configure is None:
        return
    for kind, name, path, options, config in configured(inputs):
        files = files_of(inputs, config)
        model = inputs.inference_preset if kind == "runtime" else None
        for problem in configure(kind, name, options, files, model):
            yield placed(_with_others(inputs, kind, name, problem), path, config, files)


def _with_others(inputs: CheckInput, kind: DriverKind, name: str, problem: Problem) -> Problem:
    """Return the problem of an option with the drivers that have it, where ``name`` has none of that name."""
    installed = inputs.drivers.installed
    own = installed.find(kind, name)
    # Others are imported for this hint alone. A broken one has no options that anybody could read.
    if own is None or problem.path in option_names(own.config_model):
        return problem
    others = installed.named(kind, lambda other: problem.path in option_names(other.config_model))
    instead = f"it is an option of {' and '.join(others)}{NAMED_BY.get(kind, '')}"
    return replace(problem, hint="; ".join(filter(None, (problem.hint, instead)))) if others else problem


def configured(inputs: CheckInput) -> Iterator[tuple[DriverKind, str, str, Mapping[str, Any], tuple[str, str]]]:
    """Yield each driver: kind, name, path of its options, options, and path and name of its config."""
    resource, inference, tuning = inputs.written.resource, inputs.written.inference, inputs.written.tuning
    installed, provisioner, runtime = inputs.drivers.installed, inputs.provisioner_name, inputs.runtime_name
    if provisioner and provisioner in installed.names("provisioner"):
        yield "provisioner", provisioner, "resource.provisionerConfig", resource.provisioner_config, ("", "")
    if inference and inference.preset and runtime and runtime in installed.names("runtime"):
        config = ("inference.config", inference.config)
        yield "runtime", runtime, "inference.runtimeConfig", inference.runtime_config, config
    method = tuning.method.lower() if tuning else ""
    if tuning and method and method in installed.names("tuner"):
        yield "tuner", method, "tuning.methodConfig", tuning.method_config, ("tuning.config", tuning.config)


def files_of(inputs: CheckInput, config: tuple[str, str]) -> Mapping[str, str]:
    """Return the files of a driver's config, by name; none where there is none."""
    name = config[1]
    return (inputs.config_files(inputs.written.namespace, name) if name else None) or {}


def placed(problem: Problem, path: str, config: tuple[str, str], files: Mapping[str, str]) -> Problem:
    """Return the problem with a path of the Workspace; a path into a file becomes part of the message."""
    if any(problem.path.startswith(file) for file in files):
        return replace(problem, path=config[0], message=f"{problem.path}: {problem.message}", line=None, column=None)
    joined = path + problem.path if problem.path.startswith("[") else f"{path}.{problem.path}".rstrip(".")
    return replace(problem, path=joined)
