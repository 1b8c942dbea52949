"""Tuning: preset, method, data in, result out."""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.check.check_input import CheckInput
from llmwright.check.driver_options import driver_hint
from llmwright.check.sources import destination_problems, source_problems
from llmwright.errors import Problem


def check_tuning_parts(inputs: CheckInput) -> Iterator[Problem]:
    """Preset, input and output are there."""
    tuning = inputs.written.tuning
    if tuning is None:
        return
    if tuning.preset is None:
        yield Problem("tuning.preset", "says which model to tune and is required", reason="Required")
    if tuning.input is None:
        hint = 'input: {urls: ["https://…"]}'
        yield Problem("tuning.input", "says what to learn from and is required", hint, reason="Required")
    if tuning.output is None and inputs.on_cluster:
        yield Problem("tuning.output", "says where the result goes and is required", reason="Required")


def check_method(inputs: CheckInput) -> Iterator[Problem]:
    """A tuner of that name is installed; upper and lower case are the same."""
    tuning = inputs.written.tuning
    if tuning is None:
        return
    known = inputs.drivers.installed.names("tuner")
    if tuning.method.lower() not in known:
        message = f"no plugin answers to tuning method {tuning.method!r}" if tuning.method else "is required"
        hint = driver_hint("tuner", tuning.method.lower(), known) if tuning.method else f"installed: {', '.join(known)}"
        yield Problem("tuning.method", message, hint, reason="UnknownMethod")


def check_input(inputs: CheckInput) -> Iterator[Problem]:
    """Exactly one source of data, which can be used."""
    if inputs.written.tuning and inputs.written.tuning.input:
        yield from source_problems(inputs, "tuning.input", inputs.written.tuning.input)


def check_output(inputs: CheckInput) -> Iterator[Problem]:
    """Exactly one destination, which can be used."""
    if inputs.written.tuning and inputs.written.tuning.output:
        yield from destination_problems(inputs, "tuning.output", inputs.written.tuning.output)
