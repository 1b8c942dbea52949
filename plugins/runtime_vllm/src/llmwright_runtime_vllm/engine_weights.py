"""The weights for the engine, and the compiler that some models need."""

from __future__ import annotations

from dataclasses import dataclass, field

from llmwright.plugins.weights import MODEL_VOLUME, weights_of
from llmwright.values.launch import Mount, Process, Volume
from llmwright.values.preset import Preset
from llmwright_runtime_vllm.config import VllmConfig
from llmwright_runtime_vllm.flags import Flags
from llmwright_runtime_vllm.model_facts import hub_name, needs_toolkit

WEIGHTS = Mount(volume=MODEL_VOLUME, path="/workspace/weights")
NODE_MODELS = "/opt/kaito/models"
CUDA = "/opt/kaito/cuda/129"
CUDA_VOLUME = "cuda-toolkit"
ROLE = "vllm"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPart:
    """A part of a Launch: flags, environment, processes before, volumes and mounts.

    ``replaces`` names flags that it removes.
    """

    flags: Flags = field(default_factory=dict)
    replaces: frozenset[str] = frozenset()
    env: dict[str, str] = field(default_factory=dict)
    prepare: tuple[Process, ...] = ()
    volumes: tuple[Volume, ...] = ()
    mounts: tuple[Mount, ...] = ()


def weights(preset: Preset, config: VllmConfig) -> LaunchPart:
    """Return the part for the weights: on the node, from an image, or downloaded from the hub by the engine itself."""
    if config.local_weights:
        return _on_the_node(preset)
    source = weights_of(preset)
    if source.revision is None:
        return LaunchPart(
            flags={"model": source.model}, prepare=source.prepare, volumes=source.volumes, mounts=source.mounts
        )
    pinned = {"revision": source.revision, "code-revision": source.revision} if source.revision != "main" else {}
    return LaunchPart(
        flags={"model": source.model, **pinned, "download-dir": f"$(volume.{MODEL_VOLUME})"},
        volumes=(Volume(name=MODEL_VOLUME),),
        mounts=(WEIGHTS,),
    )


def _on_the_node(preset: Preset) -> LaunchPart:
    path = f"{NODE_MODELS}/{hub_name(preset).lower().replace('/', '-')}"
    source = {"hostPath": {"path": path, "type": "Directory"}}
    return LaunchPart(
        flags={"model": f"$(volume.{MODEL_VOLUME})", "load-format": "runai_streamer"},
        replaces=frozenset({"load_format"}),
        env={"KAITO_PROCESSOR": f"$(volume.{MODEL_VOLUME})"},
        volumes=(Volume(name=MODEL_VOLUME, kind="volume_source", source=source),),
        mounts=(Mount(volume=MODEL_VOLUME, path=path, read_only=True),),
    )


def toolkit(preset: Preset) -> LaunchPart:
    """Return the part for CUDA's compiler, which the first pod installs on the node; empty for most models."""
    if not needs_toolkit(preset):
        return LaunchPart()
    home = f"$(volume.{CUDA_VOLUME})"
    provision = Process(
        name="cuda-toolkit-provisioner",
        image=ROLE,
        argv=("flock", home, "/workspace/cuda-provision.sh", home),
        mounts=(Mount(volume=CUDA_VOLUME, path=CUDA),),
    )
    source = {"hostPath": {"path": CUDA, "type": "DirectoryOrCreate"}}
    return LaunchPart(
        env={"CUDA_HOME": home},
        prepare=(provision,),
        volumes=(Volume(name=CUDA_VOLUME, kind="volume_source", source=source),),
        mounts=(Mount(volume=CUDA_VOLUME, path=CUDA, read_only=True),),
    )
