"""Where a driver's process finds a preset's weights: for authors of runtimes and tuners."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from llmwright.values.launch import Mount, Process, Volume
from llmwright.values.preset import Preset

MODEL_VOLUME = "model"


@dataclass(frozen=True, slots=True)
class Weights:
    """``model`` is a hub id or a directory; the rest is what a Launch must hold for it to be there."""

    model: str
    revision: str | None = None
    prepare: tuple[Process, ...] = ()
    volumes: tuple[Volume, ...] = ()
    mounts: tuple[Mount, ...] = ()

    @property
    def arguments(self) -> tuple[str, ...]:
        """``--model`` and, of a hub model, ``--revision``."""
        return ("--model", self.model, *(("--revision", self.revision) if self.revision else ()))


def weights_of(preset: Preset) -> Weights:
    """How the weights of ``preset.source`` come to the process: ``hf://``, ``file:///`` or ``oci://``."""
    scheme, _, rest = preset.source.partition("://")
    if scheme == "hf":
        return Weights(rest, preset.revision)
    if scheme == "oci":
        volume, mount = Volume(name=MODEL_VOLUME), Mount(volume=MODEL_VOLUME, path="/workspace/weights")
        return Weights(f"$(volume.{MODEL_VOLUME})", None, (_pull(rest, mount),), (volume,), (mount,))
    return Weights(unquote(urlsplit(preset.source).path))


def _pull(reference: str, mount: Mount) -> Process:
    verb = ("$(python)", "-m", "llmwright.artifacts", "pull", "--reference", reference)
    return Process(name="pull-model", argv=(*verb, "--to", f"$(volume.{MODEL_VOLUME})"), mounts=(mount,))
