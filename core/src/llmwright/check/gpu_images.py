"""GPUs that the drivers' usual images leave out: that another image serves them, before a node is bought."""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.check.check_input import CheckInput
from llmwright.check.facts import Severity
from llmwright.errors import Problem
from llmwright.plugins.drivers import Driver
from llmwright.plugins.gpu_images import (
    foreign,
    is_foreign,
    is_named,
    leaves_out,
    left_out,
    not_named,
    older_image,
    stands_in,
)


def check_gpu_images(inputs: CheckInput) -> Iterator[Problem]:
    """An image serves the GPUs of the machine. The settings name one for old GPUs before anything is bought."""
    machine, path = inputs.machine, "resource.instanceType"
    if machine is None:
        return
    severity: Severity = "error" if inputs.policy.buys else "warning"
    if is_foreign(machine) and inputs.written.template is None:
        # Images that the settings name may be built for anything.
        strict: Severity = "warning" if inputs.policy.images else severity
        hint = "take a type with NVIDIA GPUs, or name images for these in the setting images"
        yield Problem(path, foreign(machine), hint, severity=strict, reason="Unworkable")
    for name, driver in _drivers(inputs):
        older = older_image(driver, machine)
        if older is not None and not is_named(older, inputs.policy.images):
            yield Problem(path, stands_in(older, machine), not_named(older), severity=severity, reason="GpuTooOld")
        if leaves_out(driver, machine) and inputs.written.tuning is not None:
            yield Problem(path, left_out(name, driver, machine), "choose a newer GPU", reason="GpuTooOld")


def _drivers(inputs: CheckInput) -> Iterator[tuple[str, type[Driver]]]:
    tuning, inference = inputs.written.tuning, inputs.written.inference
    if tuning is None:
        # A runtime whose images leave the GPU out is no candidate, and check_runtime_support tells it.
        serves = inference is not None and inference.preset is not None
        if serves and inputs.runtime is not None and inputs.runtime_name is not None:
            yield inputs.runtime_name, inputs.runtime
        return
    tuner = inputs.drivers.installed.find_tuner(tuning.method.lower())
    if tuner is not None:
        yield tuning.method.lower(), tuner
