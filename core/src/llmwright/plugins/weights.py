"""Where a driver's process finds a preset's weights: for authors of runtimes and tuners."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from llmwright.values.launch import Mount, Process, Volume
from llmwright.values.preset import Preset

MODEL_VOLUME = "model"
FETCH_MODEL = "fetch-model"
PULL_MODEL = "pull-model"
DOWNLOADS = frozenset({FETCH_MODEL, PULL_MODEL})
"""The processes that bring weights: from the hub, and from an image."""


@dataclass(frozen=True, slots=True)
class Weights:
    """``model`` is a hub id or a directory; the rest is what a Launch must hold for it to be there."""

    model: str
    revision: str | None = None
    prepare: tuple[Process, ...] = ()
    volumes: tuple[Volume, ...] = ()
    mounts: tuple[Mount, ...] = ()
    remote_code: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        """``--model``, of a hub model ``--revision``, and ``--trust-remote-code`` where its code may run."""
        revision = ("--revision", self.revision) if self.revision else ()
        return ("--model", self.model, *revision, *(("--trust-remote-code",) if self.remote_code else ()))


def weights_of(preset: Preset) -> Weights:
    """How the weights of ``preset.source`` come to the process: ``hf://``, ``file:///`` or ``oci://``."""
    return replace(_where(preset), remote_code=preset.remote_code)


def _where(preset: Preset) -> Weights:
    scheme, _, rest = preset.source.partition("://")
    if scheme == "hf":
        return Weights(rest, preset.revision)
    if scheme == "oci":
        volume, mount = Volume(name=MODEL_VOLUME), Mount(volume=MODEL_VOLUME, path="/workspace/weights")
        # Read-only: what a server or trainer writes there would be other weights after its next start.
        read = replace(mount, read_only=True)
        return Weights(f"$(volume.{MODEL_VOLUME})", None, (_pull(rest, mount),), (volume,), (read,))
    return Weights(unquote(urlsplit(preset.source).path))


def _pull(reference: str, mount: Mount) -> Process:
    verb = ("$(python)", "-m", "llmwright.artifacts", "pull", "--model", "--reference", reference)
    return Process(name=PULL_MODEL, argv=(*verb, "--to", f"$(volume.{MODEL_VOLUME})"), mounts=(mount,))
