"""The adapters to serve: those in the Workspace, and the adapter that tuning made."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import unquote, urlsplit

from llmwright.api.workspace import AdapterSpec, DataSource
from llmwright.check.kubernetes_names import as_label, label_problem
from llmwright.plan.allowed_sources import allow_arguments
from llmwright.plan.plan_input import PlanInput
from llmwright.plan.refusal import refuse
from llmwright.plan.secrets import logins_volume, with_logins
from llmwright.plan.tuning_data import ARTIFACTS, RESULTS
from llmwright.values.adapter import Adapter
from llmwright.values.launch import Mount, Process, Volume
from llmwright.values.tuning_data import TuningData

GENERATION_CONFIG = "generation_config.json"
"""transformers' file with the tokens that end answers, beside an adapter's weights."""


@dataclass(frozen=True, slots=True)
class MountedAdapter:
    """An adapter, its volume, the process that pulls it into the volume, and the names of the secrets for that."""

    adapter: Adapter
    volume: Volume
    pull: Process | None = None
    secrets: tuple[str, ...] = ()

    @property
    def volumes(self) -> tuple[Volume, ...]:
        """The volumes to declare."""
        return (self.volume, *logins_volume(self.secrets, _use(self.adapter.name)))

    @property
    def mount(self) -> Mount:
        """Where the runtime sees it (KAITO's place for adapters)."""
        return Mount(volume=self.volume.name, path=f"/mnt/adapter/{self.adapter.name}", read_only=True)


def named_adapters(inputs: PlanInput) -> tuple[MountedAdapter, ...]:
    """``inference.adapters``.

    Raises:
        InvalidWorkspace: a source or strength that cannot be used.
    """
    inference = inputs.workspace.inference
    specs = inference.adapters if inference else []
    return tuple(_named(inputs, position, spec) for position, spec in enumerate(specs))


def tuned_adapter(
    inputs: PlanInput,
    data: TuningData,
    template: str | None = None,
    *,
    generation_config: bool = False,
    rank: int | None = None,
    expects: tuple[str, ...] = (),
) -> MountedAdapter:
    """The adapter that tuning leaves in volume ``results``, under the Workspace's name.

    On a cluster an image is pulled into a new pod; a volume is mounted; on one machine the results are there.
    ``template`` is the file with its own chat template; ``generation_config``: one lies beside the weights; ``rank`` is
    that of its matrices, where the tuner knows it. ``expects`` are files without which it would be served otherwise
    than it was tuned: an image of an early version has none, and is not taken.
    """
    name, path = inputs.workspace.name, f"$(volume.{RESULTS})"
    adapter = Adapter(
        name=name,
        path=path,
        image=data.output_image,
        chat_template=f"{path}/{template}" if template else None,
        tokenizer_template=not template,
        generation_config=path if generation_config else None,
        rank=rank,
    )
    if data.output_volume_source:
        return MountedAdapter(adapter, Volume(name=RESULTS, kind="volume_source", source=data.output_volume_source))
    volume = Volume(name=RESULTS)
    if inputs.target == "local" or not data.output_image:
        return MountedAdapter(adapter, volume)
    secrets = (data.push_secret,) if data.push_secret else ()
    return MountedAdapter(adapter, volume, _pull(inputs, name, data.output_image, volume, secrets, expects), secrets)


def _named(inputs: PlanInput, position: int, spec: AdapterSpec) -> MountedAdapter:
    path = f"inference.adapters[{position}]"
    source = spec.source or DataSource()
    if not source.name:
        raise refuse(f"{path}.source.name", "an adapter needs a name", "requests select it by that name")
    volume, pull = _place(inputs, source, path)
    adapter = Adapter(
        name=source.name,
        path=f"$(volume.{volume.name})",
        strength=_strength(spec, path),
        image=source.image or None,
        pull_secrets=tuple(source.image_pull_secrets),
        volume_source=source.volume_source,
        rank=inputs.adapter_ranks.get(source.name),
    )
    return MountedAdapter(adapter, volume, pull, adapter.pull_secrets)


def _place(inputs: PlanInput, source: DataSource, path: str) -> tuple[Volume, Process | None]:
    name = f"adapter-{source.name}"
    if source.image:
        volume = Volume(name=name)
        return volume, _pull(inputs, source.name, source.image, volume, tuple(source.image_pull_secrets))
    if source.volume_source:
        return Volume(name=name, kind="volume_source", source=source.volume_source), None
    if len(source.urls) == 1 and source.urls[0].startswith("file:") and inputs.target == "local":
        return Volume(name=name, kind="directory", source=unquote(urlsplit(source.urls[0]).path)), None
    hint = "give an image, a volumeSource, or on one machine one file: URL of a directory"
    raise refuse(f"{path}.source", "the adapter comes from nowhere", hint)


def _pull(
    inputs: PlanInput, name: str, image: str, volume: Volume, secrets: tuple[str, ...], expects: tuple[str, ...] = ()
) -> Process:
    argv = (*ARTIFACTS, "pull", "--reference", image, "--to", f"$(volume.{volume.name})", *allow_arguments(inputs))
    argv = (*argv, *(part for file in expects for part in ("--expect", file)))
    mount = Mount(volume=volume.name, path=f"/mnt/adapter/{name}")
    return with_logins(Process(name=_puller(name), argv=argv, mounts=(mount,)), inputs, secrets, _use(name))


def _puller(name: str) -> str:
    """Return the name of the process that pulls an adapter: a DNS label, as every process has one."""
    plain = f"pull-{name}"
    if not label_problem(plain):
        return plain
    return f"{as_label(plain)[:54].rstrip('-')}-{sha256(name.encode()).hexdigest()[:8]}"


def _use(name: str) -> str:
    """Return the name that tells the secrets of one adapter from others (KAITO's name for their volume)."""
    return f"{name}-inference-adapter"


def _strength(spec: AdapterSpec, path: str) -> float | None:
    if not spec.strength:
        return None
    try:
        strength = float(spec.strength)
    except ValueError:
        strength = -1.0
    if not 0 <= strength <= 1:
        raise refuse(f"{path}.strength", f"{spec.strength!r} is not a number from 0 to 1")
    return strength
