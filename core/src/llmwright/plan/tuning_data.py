"""The data set of a tuner, its transport, and the place of the result."""

from __future__ import annotations

from llmwright.api.workspace import DataDestination, DataSource, Tuning
from llmwright.plan.allowed_sources import allow_arguments
from llmwright.plan.plan_input import PlanInput
from llmwright.plan.secrets import logins_volume, with_logins
from llmwright.values.launch import Mount, Process, SecretKey, Volume
from llmwright.values.tuning_data import TuningData
from llmwright.values.url_secrets import URLS_VARIABLE, hides_secrets, without_secrets

ARTIFACTS = ("$(python)", "-m", "llmwright.artifacts")
DATA, RESULTS, OUTPUT, CONFIG = "data", "results", "output", "config"
CONFIG_FILE = "training_config.yaml"


def tuning_data(tuning: Tuning) -> TuningData:
    """Return input and output in the form that a tuner takes."""
    source, output = tuning.input or DataSource(), tuning.output or DataDestination()
    return TuningData(
        urls=tuple(map(without_secrets, source.urls)),
        image=source.image or None,
        pull_secrets=tuple(source.image_pull_secrets),
        volume_source=source.volume_source,
        output_image=output.image or None,
        push_secret=output.image_push_secret or None,
        output_volume_source=output.volume_source,
        config_path=f"$(volume.{CONFIG})/{CONFIG_FILE}" if tuning.config else None,
    )


def volumes(data: TuningData, tuning: Tuning) -> tuple[Volume, ...]:
    """Volumes ``data`` and ``results``, and ``config`` where one is named."""
    declared = [_volume(DATA, data.volume_source), _volume(RESULTS, data.output_volume_source)]
    if tuning.config:
        declared.append(Volume(name=CONFIG, kind="config", source=tuning.config))
    return tuple(declared)


def fetch(data: TuningData, inputs: PlanInput) -> tuple[Process, ...]:
    """Return the process that brings the data set into volume ``data``; none for a data set in a volume."""
    mounts = (Mount(volume=DATA, path="/mnt/data"),)
    allowed = allow_arguments(inputs)
    if data.urls:
        local = ("--allow-local",) if inputs.target == "local" else ()
        argv = (*ARTIFACTS, "download", "--url", *data.urls, "--to", f"$(volume.{DATA})", *local, *allowed)
        secrets = {URLS_VARIABLE: SecretKey("tuning.input.urls", URLS_VARIABLE, optional=False)}
        env = secrets if any(map(hides_secrets, data.urls)) else {}
        return (Process(name="fetch-data", argv=argv, mounts=mounts, env=env),)
    if data.image:
        argv = (*ARTIFACTS, "pull", "--reference", data.image, "--to", f"$(volume.{DATA})", *allowed)
        pull = Process(name="fetch-data", argv=argv, mounts=mounts)
        return (with_logins(pull, inputs, data.pull_secrets, _use(inputs)),)
    return ()


def check_push(data: TuningData, inputs: PlanInput) -> tuple[Process, ...]:
    """Return the process that shows before anything is bought that the result may be pushed."""
    if not data.output_image:
        return ()
    argv = (*ARTIFACTS, "check-push", "--reference", data.output_image, *allow_arguments(inputs))
    return (with_logins(Process(name="check-push", argv=argv), inputs, _push_secrets(data)),)


def deliver(data: TuningData, inputs: PlanInput) -> tuple[Process, ...]:
    """Return the processes that pack the adapter as an image, and push it where an image is named.

    On one machine the image is kept in any case, beside the adapter, called by the Workspace's name where it has no
    other; a cluster keeps only what is pushed.
    """
    reference = data.output_image or (inputs.workspace.name if inputs.target == "local" else None)
    if reference is None:
        return ()
    layout, mounts = _layout(inputs)
    pack = (*ARTIFACTS, "pack", "--adapter", f"$(volume.{RESULTS})", "--layout", layout)
    processes = [
        Process(name="pack", argv=(*pack, "--reference", reference, "--preset", inputs.preset.name), mounts=mounts)
    ]
    if data.output_image:
        push = (*ARTIFACTS, "push", "--layout", layout, "--reference", data.output_image, *allow_arguments(inputs))
        processes.append(with_logins(Process(name="push", argv=push, mounts=mounts), inputs, _push_secrets(data)))
    return tuple(processes)


def _layout(inputs: PlanInput) -> tuple[str, tuple[Mount, ...]]:
    """Where the image is built, and what is mounted for that: on one machine it stays beside the adapter."""
    if inputs.target == "local":
        return f"$(volume.{RESULTS})/image", (Mount(volume=RESULTS, path="/mnt/adapter"),)
    adapter = Mount(volume=RESULTS, path="/mnt/adapter", read_only=True)
    return f"$(volume.{OUTPUT})", (adapter, Mount(volume=OUTPUT, path="/mnt/output-image"))


def logins(data: TuningData, inputs: PlanInput) -> tuple[Volume, ...]:
    """The volumes of all registry secrets that tuning may use."""
    return (*logins_volume(data.pull_secrets, _use(inputs)), *logins_volume(_push_secrets(data)))


def _use(inputs: PlanInput) -> str:
    """Return the name that tells the secrets of the data set from others (KAITO's name for their volume)."""
    source = inputs.workspace.tuning.input if inputs.workspace.tuning else None
    return f"{source.name if source else ''}-tuning-input"


def _push_secrets(data: TuningData) -> tuple[str, ...]:
    return (data.push_secret,) if data.push_secret else ()


def _volume(name: str, source: object) -> Volume:
    return Volume(name=name, kind="volume_source", source=source) if source else Volume(name=name)
