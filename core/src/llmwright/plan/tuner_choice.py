"""Which tuner tunes, with what configuration, and how the run sits on the machine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from llmwright.api.workspace import Tuning
from llmwright.errors import InvalidWorkspace
from llmwright.plan.plan_input import PlanInput
from llmwright.plan.refusal import below, does_not_fit, refuse
from llmwright.plugins.drivers import Tuner
from llmwright.plugins.gpu_images import leaves_out, left_out
from llmwright.sizing.dtypes import compute_dtype
from llmwright.sizing.tuning_fit import fit_tuning
from llmwright.values.fit import Fit
from llmwright.values.plan import Choice
from llmwright.values.preset import Preset

LONGEST_ROWS = (8192, 4096, 2048, 1024, 512)
"""Longest rows to make room for, in tokens: the first that fits is taken, and never more than the model's context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningChoice:
    """A tuner that was chosen, its configuration and its Fit.

    ``preset`` is the one to hand to the tuner: its dtype is what the machine computes in, its context the longest row.
    """

    choice: Choice
    tuner: Tuner
    config: Any
    fit: Fit
    preset: Preset
    warnings: tuple[str, ...] = ()


def choose_tuner(inputs: PlanInput, tuning: Tuning) -> TuningChoice:
    """The tuner that ``tuning.method`` names.

    Raises:
        InvalidWorkspace: it cannot be used here, its configuration is wrong, or the run does not fit the machine.
        PluginError: no such tuner is installed.
    """
    method = tuning.method.lower()
    tuner = inputs.drivers.tuner(method)
    if inputs.target not in tuner.targets:
        raise refuse("tuning.method", f"{method} does not run on {inputs.target}")
    if inputs.target == "kubernetes" and leaves_out(tuner, inputs.machine):
        message = left_out(method, tuner, inputs.machine)
        raise refuse("resource.instanceType", message, "choose a newer GPU", "GpuTooOld")
    config = _configure(tuner, inputs, tuning)
    fit, preset = _fit(inputs, tuner, config)
    choice = Choice(name=method, why="tuning.method names it")
    return TuningChoice(
        choice=choice, tuner=tuner, config=config, fit=fit, preset=preset, warnings=_warnings(inputs, fit)
    )


def _configure(tuner: Tuner, inputs: PlanInput, tuning: Tuning) -> Any:
    files = inputs.files(tuning.config)
    try:
        config = tuner.configure(tuning.method_config, files)
    except InvalidWorkspace as error:
        raise InvalidWorkspace(below("tuning.methodConfig", error.problems, list(files))) from error
    problems = [problem for problem in tuner.check(config) if problem.severity == "error"]
    if problems:
        raise InvalidWorkspace(below("tuning.methodConfig", problems, list(files)))
    return config


def _fit(inputs: PlanInput, tuner: Tuner, config: Any) -> tuple[Fit, Preset]:
    dtype = compute_dtype(inputs.machine, inputs.preset.dtype)
    for length in _lengths(inputs.preset):
        preset = replace(inputs.preset, dtype=dtype, context=length)
        fit = fit_tuning(tuner.memory(preset, config), inputs.machine, dtype=dtype, context=length)
        if fit.fits:
            return fit, preset
    path = "resource" if inputs.target == "local" else "resource.instanceType"
    smaller = inputs.drivers.named("tuner", lambda other: other.quantized is True)
    methods = f"the method {' or '.join(smaller)}, " if smaller else ""
    hint = f"choose a machine with more memory, {methods}a smaller batch or a smaller preset"
    raise does_not_fit(fit, f"tuning {inputs.preset.name}", path, hint)


def _lengths(preset: Preset) -> list[int]:
    shorter = [length for length in LONGEST_ROWS if length < preset.context]
    return [preset.context, *shorter] if preset.context <= LONGEST_ROWS[0] else shorter


def _warnings(inputs: PlanInput, fit: Fit) -> tuple[str, ...]:
    if fit.context >= min(inputs.preset.context, LONGEST_ROWS[0]):
        return ()
    return (f"rows longer than {fit.context} tokens are refused: memory does not hold more",)
