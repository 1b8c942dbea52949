"""The Launches of a Plan: the drivers' own, completed by what the core fetches, delivers and mounts."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

from llmwright.api.workspace import Tuning
from llmwright.errors import PluginContract
from llmwright.plan import tuning_data
from llmwright.plan.adapters import MountedAdapter
from llmwright.plan.model_weights import with_fetched_model, with_weights
from llmwright.plan.plan_input import PlanInput
from llmwright.plan.refusal import refuse
from llmwright.plan.runtime_choice import ServingChoice
from llmwright.plan.secrets import logins_volume, with_hub_token, with_logins
from llmwright.plan.tuner_choice import TuningChoice
from llmwright.plugins.drivers import Driver
from llmwright.plugins.gpu_images import older_image
from llmwright.plugins.guarded import origin_of
from llmwright.plugins.launch_faults import Core, faults
from llmwright.plugins.weights import MODEL_VOLUME
from llmwright.values.launch import REFERENCE, Launch, Mount, Process, Volume
from llmwright.values.preset import Preset
from llmwright.values.tuning_data import TuningData

HTTP = "http"


def preflight_launch(inputs: PlanInput, tuning: Tuning, tuned: TuningChoice, data: TuningData) -> Launch | None:
    """Fetches and checks the data set and the right to push; None where settings turn it off."""
    if not inputs.settings.preflight:
        return None
    inspect = tuned.tuner.inspect(tuned.preset, data, tuned.config)
    weighed = with_weights(Launch(main=inspect), inputs, "tuning.method", tuned.choice.name) if inspect else None
    steps = [
        *tuning_data.fetch(data, inputs),
        *([*weighed.prepare, with_hub_token(weighed.main, inputs)] if weighed else []),
        *tuning_data.check_push(data, inputs),
    ]
    if not steps:
        return None
    *prepare, main = steps
    declared = (
        *tuning_data.volumes(data, tuning),
        *tuning_data.logins(data, inputs),
        *(weighed.volumes if weighed else ()),
        *logins_volume(inputs.model_secrets, MODEL_VOLUME),
    )
    return Launch(main=main, prepare=tuple(prepare), volumes=_used(declared, steps))


def tuning_launch(inputs: PlanInput, tuning: Tuning, tuned: TuningChoice, data: TuningData) -> Launch:
    """The tuner's Launch with the data set fetched before and the adapter delivered after.

    On one machine the preflight has fetched the data into the same directory.
    """
    launch = tuned.tuner.launch(tuned.preset, tuned.fit, data, tuned.config)
    launch = with_fetched_model(with_weights(launch, inputs, "tuning.method", tuned.choice.name), inputs)
    launch = _on_older_gpus(launch, inputs, tuned.tuner)
    fetched = inputs.target == "local" and inputs.settings.preflight
    after = tuning_data.deliver(data, inputs)
    processes = replace(
        launch,
        main=with_hub_token(launch.main, inputs),
        prepare=(*(() if fetched else tuning_data.fetch(data, inputs)), *launch.prepare),
        after=(*launch.after, *after),
    )
    declared = (
        *tuning_data.volumes(data, tuning),
        *((Volume(name=tuning_data.OUTPUT),) if after else ()),
        *tuning_data.logins(data, inputs),
        *logins_volume(inputs.model_secrets, MODEL_VOLUME),
    )
    return _sound(_declare(processes, declared), inputs, "tuner", tuned.choice.name, tuned.tuner)


def serving_launch(
    inputs: PlanInput, preset: Preset, serving: ServingChoice, mounted: tuple[MountedAdapter, ...]
) -> Launch:
    """The runtime's Launch with adapters pulled before and seen by it."""
    adapters = tuple(adapter.adapter for adapter in mounted)
    launch = serving.runtime.launch(preset, serving.fit, adapters, serving.config)
    launch = with_fetched_model(with_weights(launch, inputs, "inference.runtime", serving.choice.name), inputs)
    launch = _on_older_gpus(launch, inputs, serving.runtime)
    inference = inputs.workspace.inference
    config = inference.config if inference else ""
    mounts = [adapter.mount for adapter in mounted]
    declared = [volume for adapter in mounted for volume in adapter.volumes]
    if config:
        mounts.append(Mount(volume=tuning_data.CONFIG, path="/mnt/config", read_only=True))
        declared.append(Volume(name=tuning_data.CONFIG, kind="config", source=config))
    main = with_hub_token(replace(launch.main, mounts=(*launch.main.mounts, *mounts)), inputs)
    # A server that pulls adapters while it runs asks with the logins that the settings name.
    main = with_logins(main, inputs, ())
    pulls = tuple(adapter.pull for adapter in mounted if adapter.pull)
    complete = replace(launch, main=_patient(main, inputs), prepare=(*pulls, *launch.prepare))
    whole = _declare(complete, (*declared, *logins_volume(inputs.model_secrets, MODEL_VOLUME)))
    return _sound(whole, inputs, "runtime", serving.choice.name, serving.runtime)


def served_names(preset: Preset, serving: ServingChoice, mounted: tuple[MountedAdapter, ...]) -> tuple[str, ...]:
    """Return the names that requests may use, the base model's first.

    Raises:
        InvalidWorkspace: two models would have one name.
    """
    adapters = tuple(adapter.adapter for adapter in mounted)
    names = serving.runtime.served_names(preset, adapters, serving.config)
    doubled = next((name for number, name in enumerate(names) if name in names[:number]), None)
    if doubled is not None:
        raise refuse("inference", f"the name {doubled!r} is given to two models", "give each a name of its own")
    return names


def _sound(launch: Launch, inputs: PlanInput, kind: str, name: str, driver: Driver) -> Launch:
    """Return ``launch``, as the core completed it.

    Raises:
        PluginContract: no target could carry it out: better told now than on a machine that was bought for it.
    """
    problems = faults(launch, Core(quoted=_quoted(inputs)))
    if kind == "runtime" and HTTP not in launch.ports:
        problems.append(f"no port is named {HTTP!r}")
    if not problems:
        return launch
    origin = origin_of(driver)
    who = f"{kind} {name!r} of {origin}" if origin else f"{kind} {name!r}"
    text = f"{who} returned a Launch from launch that cannot be run: {'; '.join(problems[:5])}"
    raise PluginContract(text, hint="tell its author; llmwright.testing checks the whole contract")


def _quoted(inputs: PlanInput) -> frozenset[str]:
    """Return the references that stand in what the user wrote, or in the model's chat template."""
    texts = [inputs.workspace.model_dump_json(), inputs.preset.chat_template or ""]
    texts += [text for files in inputs.config_files.values() for text in files.values()]
    return frozenset(reference for text in texts for reference in REFERENCE.findall(text))


def _on_older_gpus(launch: Launch, inputs: PlanInput, driver: Driver) -> Launch:
    """Return ``launch`` with the driver's image for older GPUs where the usual one leaves the machine's out."""
    older = older_image(driver, inputs.machine)
    if older is None or inputs.target != "kubernetes":
        return launch

    def placed(process: Process) -> Process:
        return replace(process, image=older.role) if process.gpus else process

    prepare, after, beside = (tuple(map(placed, steps)) for steps in (launch.prepare, launch.after, launch.beside))
    return replace(launch, main=placed(launch.main), prepare=prepare, after=after, beside=beside)


def _patient(main: Process, inputs: PlanInput) -> Process:
    """``main`` with the time to start that settings give."""
    if inputs.settings.readiness_timeout is None or main.startup is None:
        return main
    checks = math.ceil(inputs.settings.readiness_timeout / main.startup.period_s)
    return replace(main, startup=replace(main.startup, failure_threshold=max(1, checks)))


def _declare(launch: Launch, volumes: Iterable[Volume]) -> Launch:
    """``launch`` with those of ``volumes`` that it uses and does not declare itself."""
    own = {volume.name for volume in launch.volumes}
    added = _used((volume for volume in volumes if volume.name not in own), launch.processes)
    return replace(launch, volumes=(*launch.volumes, *added))


def _used(volumes: Iterable[Volume], processes: Iterable[Process]) -> tuple[Volume, ...]:
    mounted = {mount.volume for process in processes for mount in process.mounts}
    return tuple({volume.name: volume for volume in volumes if volume.name in mounted}.values())
