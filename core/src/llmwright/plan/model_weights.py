"""The weights in a driver's Launch: what it left out of those from an image is added, and a pinned revision is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from llmwright.errors import InvalidWorkspace, Problem
from llmwright.plan.allowed_sources import allow_arguments
from llmwright.plan.plan_input import PlanInput
from llmwright.plan.secrets import with_hub_token, with_logins
from llmwright.plugins.weights import FETCH_MODEL, MODEL_VOLUME, PULL_MODEL, Weights, weights_of
from llmwright.values.launch import Exec, Launch, Process
from llmwright.values.preset import Preset

REFERENCE = f"$(volume.{MODEL_VOLUME})"
HUB = "hf://"


def with_weights(launch: Launch, inputs: PlanInput, path: str, driver: str) -> Launch:
    """Return ``launch`` with the parts of weights from an image that its driver left out: pull, volume and mounts.

    The process that pulls has the logins of a private preset, and may ask the inner addresses that the settings allow.
    One that fetches from the hub has the hub's token.

    Args:
        path: where the Workspace names the driver.
        driver: its name.

    Raises:
        InvalidWorkspace: the preset is pinned to a commit, and the driver would load whatever is newest.
    """
    dropped = dropped_revision(launch, inputs.preset, path, driver)
    if dropped is not None:
        raise InvalidWorkspace([dropped])
    completed = _completed(launch, weights_of(inputs.preset))

    def with_access(process: Process) -> Process:
        if process.name == PULL_MODEL:
            process = replace(process, argv=(*process.argv, *allow_arguments(inputs)))
        if process.name == FETCH_MODEL:
            return with_hub_token(process, inputs)
        return with_logins(process, inputs, inputs.model_secrets, MODEL_VOLUME) if _fills(process) else process

    return replace(completed, prepare=tuple(map(with_access, completed.prepare)))


def with_fetched_model(launch: Launch, inputs: PlanInput) -> Launch:
    """Return ``launch`` with a process before all others that brings a model of the hub into the hub's cache.

    On one machine, whatever the driver: the causes of a refusal, the progress and the digests are then the same for
    all. A driver whose loader reads other files has that process itself, with ``--files``. On a cluster the driver's
    own process does it, or a step of the driver's before it, in its own image.
    """
    hub_id = inputs.preset.source.removeprefix(HUB)
    if inputs.target != "local" or hub_id == inputs.preset.source:
        return launch
    if any(step.name == FETCH_MODEL for step in launch.prepare):
        return replace(launch, prepare=tuple(_allowing(step, inputs) for step in launch.prepare))
    model = ("--model", hub_id, "--revision", inputs.preset.revision)
    argv = ("$(python)", "-m", "llmwright.artifacts", FETCH_MODEL, *model, *allow_arguments(inputs))
    fetch = with_hub_token(Process(name=FETCH_MODEL, argv=argv), inputs)
    return replace(launch, prepare=(fetch, *launch.prepare))


def _allowing(step: Process, inputs: PlanInput) -> Process:
    """Return a driver's own process that fetches, with what the settings allow."""
    return replace(step, argv=(*step.argv, *allow_arguments(inputs))) if step.name == FETCH_MODEL else step


def _completed(launch: Launch, weights: Weights) -> Launch:
    kinds = {volume.name: volume.kind for volume in launch.volumes}
    if not weights.volumes or not any(_names(process, launch) for process in launch.processes):
        return launch
    pulls = kinds.get(MODEL_VOLUME, "scratch") == "scratch" and not any(map(_fills, launch.prepare))

    def mounted(process: Process) -> Process:
        mounts = any(mount.volume == MODEL_VOLUME for mount in process.mounts)
        needed = _names(process, launch) and not mounts
        return replace(process, mounts=(*process.mounts, *weights.mounts)) if needed else process

    prepare, beside, after = (tuple(map(mounted, steps)) for steps in (launch.prepare, launch.beside, launch.after))
    return replace(
        launch,
        main=mounted(launch.main),
        prepare=(*(weights.prepare if pulls else ()), *prepare),
        beside=beside,
        after=after,
        volumes=(*launch.volumes, *(() if MODEL_VOLUME in kinds else weights.volumes)),
    )


def _fills(process: Process) -> bool:
    return any(mount.volume == MODEL_VOLUME and not mount.read_only for mount in process.mounts)


def _names(process: Process, launch: Launch) -> bool:
    return any(REFERENCE in text for text in _texts(process, launch))


def _texts(process: Process, launch: Launch) -> Iterator[str]:
    """Yield all text that the process is started or asked with."""
    yield from process.argv
    yield from (value for value in process.env.values() if isinstance(value, str))
    for probe in (process.startup, process.live, process.ready):
        if probe is not None and isinstance(probe.check, Exec):
            yield from probe.check.argv
    if process is launch.main and launch.ranks is not None:
        yield from (*launch.ranks.leader, *launch.ranks.worker)


def dropped_revision(launch: Launch, preset: Preset, path: str, driver: str) -> Problem | None:
    """Return the problem of a driver that names a pinned model of the hub without its commit; None where it keeps it.

    Args:
        path: where the Workspace names the driver.
        driver: its name.
    """
    hub_id = preset.source.removeprefix(HUB)
    brought = any((volume.name, volume.kind) == (MODEL_VOLUME, "volume_source") for volume in launch.volumes)
    if hub_id == preset.source or not preset.pinned or brought:
        return None
    for process in launch.processes:
        texts = [*_texts(process, launch)]
        loads = any(text == hub_id or text.endswith(f"={hub_id}") for text in texts)
        if loads and not any(preset.revision in text for text in texts):
            return _dropped(process, preset, path, driver)
    return None


def _dropped(process: Process, preset: Preset, path: str, driver: str) -> Problem:
    message = (
        f"{driver} would load whatever is newest of {preset.name}, which is pinned to {preset.revision}: its process "
        f"{process.name!r} is not given the revision"
    )
    hint = "choose another, or tell its authors: `weights_of(preset).arguments` has model and revision"
    return Problem(path, message, hint, reason="RevisionDropped")
