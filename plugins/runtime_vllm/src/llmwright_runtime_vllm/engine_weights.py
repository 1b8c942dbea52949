"""The weights for the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmwright.plugins.weights import MODEL_VOLUME, weights_of
from llmwright.values.fit import Fit
from llmwright.values.launch import Mount, Process, Volume
from llmwright.values.preset import Preset
from llmwright_runtime_vllm.config import VllmConfig
from llmwright_runtime_vllm.flags import Flags
from llmwright_runtime_vllm.model_facts import hub_name, is_this_machine

WEIGHTS = Mount(volume=MODEL_VOLUME, path="/workspace/weights")
NODE_MODELS = "/opt/kaito/models"
ROLE = "vllm"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPart:
    """The model's name or directory, and the part of a Launch by which it is there.

    ``replaces`` names flags that it removes.
    """

    model: str
    flags: Flags = field(default_factory=dict)
    replaces: frozenset[str] = frozenset()
    prepare: tuple[Process, ...] = ()
    volumes: tuple[Volume, ...] = ()
    mounts: tuple[Mount, ...] = ()


def weights(preset: Preset, fit: Fit, config: VllmConfig) -> LaunchPart:
    """Return the part for the weights: on the node, from an image, or downloaded from the hub by the engine itself."""
    if config.local_weights:
        return _on_the_node(preset)
    source = weights_of(preset)
    if source.revision is None:
        return LaunchPart(model=source.model, prepare=source.prepare, volumes=source.volumes, mounts=source.mounts)
    pinned = {"revision": source.revision, "code-revision": source.revision} if source.revision != "main" else {}
    if is_this_machine(fit):
        # The hub's own cache, which the user's other programs fill too.
        return LaunchPart(model=source.model, flags=pinned)
    return LaunchPart(
        model=source.model,
        flags={**pinned, "download-dir": f"$(volume.{MODEL_VOLUME})"},
        volumes=(Volume(name=MODEL_VOLUME),),
        mounts=(WEIGHTS,),
    )


def _on_the_node(preset: Preset) -> LaunchPart:
    path = f"{NODE_MODELS}/{hub_name(preset).lower().replace('/', '-')}"
    source = {"hostPath": {"path": path, "type": "Directory"}}
    return LaunchPart(
        model=f"$(volume.{MODEL_VOLUME})",
        flags={"load-format": "runai_streamer"},
        replaces=frozenset({"load_format"}),
        volumes=(Volume(name=MODEL_VOLUME, kind="volume_source", source=source),),
        mounts=(Mount(volume=MODEL_VOLUME, path=path, read_only=True),),
    )
