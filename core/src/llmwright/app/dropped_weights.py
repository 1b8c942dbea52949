"""Drivers that would load other weights than the preset pins: found by ``check``, before there is a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from llmwright.plan.model_weights import dropped_revision
from llmwright.plan.tuning_data import tuning_data
from llmwright.plugins.driver_calls import must_pass
from llmwright.values.fit import Fit
from llmwright.values.instance_type import InstanceType

if TYPE_CHECKING:
    from llmwright.app.checker import ConfigFiles
    from llmwright.app.drivers import InstalledDrivers
    from llmwright.check import CheckInput
    from llmwright.errors import Problem
    from llmwright.values.launch import Launch


def dropped_weights(inputs: CheckInput, drivers: InstalledDrivers, files: ConfigFiles) -> Iterator[Problem]:
    """Yield a problem where the runtime or the tuner would not load the commit that the preset pins.

    Each is asked for its Launch on the machine as far as that is known. One that cannot make it is ``plan``'s to name.
    """
    workspace, machine = inputs.written, inputs.machine or InstanceType(name="", cloud="")
    inference, tuning = workspace.inference, workspace.tuning
    spec = workspace.preset
    own_image = spec is not None and spec.access_mode == "private" and spec.preset_options.image
    preset = inputs.catalogue.find_preset(spec.name) if spec is not None and not own_image else None
    if preset is None or not preset.source.startswith("hf://") or not preset.pinned:
        return
    fit = Fit(instance_type=machine, gpus=machine.gpus, context=preset.context)
    if inference is not None and inputs.runtime_name:
        runtime, options = inputs.runtime_name, inference.runtime_config

        def served() -> Launch:
            driver = drivers.runtime(runtime)
            return driver.launch(preset, fit, (), driver.configure(options, files.get(inference.config, {})))

        yield from _problem(served, lambda launch: dropped_revision(launch, preset, "inference.runtime", runtime))
    if tuning is not None and tuning.method:
        method = tuning.method.lower()

        def tuned() -> Launch:
            driver = drivers.tuner(method)
            config = driver.configure(tuning.method_config, files.get(tuning.config, {}))
            return driver.launch(preset, fit, tuning_data(tuning), config)

        yield from _problem(tuned, lambda launch: dropped_revision(launch, preset, "tuning.method", method))


def _problem(make: Callable[[], Launch], judge: Callable[[Launch], Problem | None]) -> Iterator[Problem]:
    try:
        problem = judge(make())
    except BaseException as error:  # a stranger's code may raise anything
        if must_pass(error):
            raise
        return
    if problem is not None:
        yield problem
