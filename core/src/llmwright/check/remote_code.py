"""Python code from a model's repository runs only where the settings allow it."""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.check.check_input import CheckInput
from llmwright.check.driver_options import configured, files_of, placed
from llmwright.errors import Problem
from llmwright.plugins.remote_code import option_problems, preset_problem


def check_remote_code(inputs: CheckInput) -> Iterator[Problem]:
    """Neither a preset nor an option needs code that the settings do not allow."""
    allows = inputs.policy.allows_code
    if allows is None:
        return
    for path, spec in inputs.presets():
        preset = inputs.catalogue.find_preset(spec.name)
        problem = preset_problem(f"{path}.name", preset, allows) if preset is not None else None
        if problem is not None:
            yield problem
    model = inputs.written.preset
    preset = inputs.catalogue.find_preset(model.name) if model is not None else None
    for kind, name, path, options, config in configured(inputs):
        driver = inputs.drivers.installed.find(kind, name)
        if driver is not None:
            files = files_of(inputs, config)
            for problem in option_problems(driver, options, files, preset, allows):
                yield placed(problem, path, config, files)
