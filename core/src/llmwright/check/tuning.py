"""Tuning: preset, method, data in, result out."""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.check.names import plugin_hint
from llmwright.check.sources import destination_problems, source_problems
from llmwright.check.subject import Subject
from llmwright.errors import Problem

UPSTREAM_METHODS = ("lora", "qlora")


def check_tuning_parts(subject: Subject) -> Iterator[Problem]:
    """Preset, input and output are there."""
    tuning = subject.written.tuning
    if tuning is None:
        return
    if tuning.preset is None:
        yield Problem("tuning.preset", "says which model to tune and is required", reason="Required")
    if tuning.input is None:
        hint = 'input: {urls: ["https://…"]}'
        yield Problem("tuning.input", "says what to learn from and is required", hint, reason="Required")
    if tuning.output is None and subject.on_cluster:
        yield Problem("tuning.output", "says where the result goes and is required", reason="Required")


def check_method(subject: Subject) -> Iterator[Problem]:
    """The method is one that a tuner is there for; upper and lower case are one."""
    tuning = subject.written.tuning
    if tuning is None:
        return
    known = UPSTREAM_METHODS if subject.facts.tuners is None else subject.facts.tuners
    if tuning.method.lower() not in known:
        message = f"no plugin answers to tuning method {tuning.method!r}" if tuning.method else "is required"
        hint = plugin_hint("tuner", tuning.method.lower(), known) if tuning.method else f"installed: {', '.join(known)}"
        yield Problem("tuning.method", message, hint, reason="UnknownMethod")


def check_input(subject: Subject) -> Iterator[Problem]:
    """Exactly one source of data, which can be used."""
    if subject.written.tuning and subject.written.tuning.input:
        yield from source_problems(subject, "tuning.input", subject.written.tuning.input)


def check_output(subject: Subject) -> Iterator[Problem]:
    """Exactly one destination, which can be used."""
    if subject.written.tuning and subject.written.tuning.output:
        yield from destination_problems(subject, "tuning.output", subject.written.tuning.output)
