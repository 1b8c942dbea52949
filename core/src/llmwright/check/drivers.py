"""Drivers that are named: that they are installed, and what they say about their own options."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from llmwright.check.facts import DriverKind
from llmwright.check.names import plugin_hint
from llmwright.check.subject import Subject
from llmwright.errors import Problem


def check_driver_names(subject: Subject) -> Iterator[Problem]:
    """Provisioner and runtime are installed (the tuning method is ``tuning``'s)."""
    inference = subject.written.inference
    named = (
        ("resource.provisioner", "provisioner", subject.written.resource.provisioner, subject.facts.provisioners),
        ("inference.runtime", "runtime", inference.runtime if inference else None, subject.facts.runtimes),
    )
    for path, kind, name, installed in named:
        if name is not None and installed is not None and name not in installed:
            message = f"no plugin answers to {kind} {name!r}"
            yield Problem(path, message, plugin_hint(kind, name, installed), reason="PluginNotFound")


def check_driver_options(subject: Subject) -> Iterator[Problem]:
    """Each driver's own judgement of the open object beside its name, and of the config that is named."""
    configure = subject.facts.configure
    if configure is None:
        return
    for kind, name, path, options, config in _configured(subject):
        files = _files(subject, config)
        for problem in configure(kind, name, options, files):
            yield _placed(problem, path, config, files)


def _configured(subject: Subject) -> Iterator[tuple[DriverKind, str, str, Mapping[str, Any], tuple[str, str]]]:
    """Kind, name, path of its options, options, and path and name of its config."""
    resource, inference, tuning = subject.written.resource, subject.written.inference, subject.written.tuning
    provisioner = subject.provisioner
    if provisioner and (subject.facts.provisioners is None or provisioner in subject.facts.provisioners):
        yield "provisioner", provisioner, "resource.provisionerConfig", resource.provisioner_config, ("", "")
    if inference and inference.preset and (subject.facts.runtimes is None or subject.runtime in subject.facts.runtimes):
        config = ("inference.config", inference.config)
        yield "runtime", subject.runtime, "inference.runtimeConfig", inference.runtime_config, config
    method = tuning.method.lower() if tuning else ""
    if tuning and method and (subject.facts.tuners is None or method in subject.facts.tuners):
        yield "tuner", method, "tuning.methodConfig", tuning.method_config, ("tuning.config", tuning.config)


def _files(subject: Subject, config: tuple[str, str]) -> Mapping[str, str]:
    name = config[1]
    return (subject.config_files(subject.written.namespace, name) if name else None) or {}


def _placed(problem: Problem, path: str, config: tuple[str, str], files: Mapping[str, str]) -> Problem:
    """A path relative to the options made one of the Workspace; one into a file becomes part of the message."""
    if any(problem.path.startswith(file) for file in files):
        return replace(problem, path=config[0], message=f"{problem.path}: {problem.message}", line=None, column=None)
    joined = path + problem.path if problem.path.startswith("[") else f"{path}.{problem.path}".rstrip(".")
    return replace(problem, path=joined)
