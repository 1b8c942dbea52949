"""The model hub's cache: on the volume of the weights, never in a container's own layer."""

from __future__ import annotations

from dataclasses import replace

from llmwright.plugins.weights import MODEL_VOLUME
from llmwright.values.launch import Launch, Mount, Volume

PATH = "/workspace/weights"


def with_cache(launch: Launch) -> Launch:
    """``launch`` with a volume for weights that ``main`` downloads, where the driver brought none itself."""
    if any(volume.name == MODEL_VOLUME for volume in launch.volumes):
        return launch
    main = replace(
        launch.main,
        mounts=(*launch.main.mounts, Mount(volume=MODEL_VOLUME, path=PATH)),
        env={**launch.main.env, "HF_HOME": PATH},
    )
    return replace(launch, main=main, volumes=(*launch.volumes, Volume(name=MODEL_VOLUME)))
