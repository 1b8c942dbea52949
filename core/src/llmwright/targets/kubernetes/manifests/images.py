"""Which image a Process runs in."""

from __future__ import annotations

import llmwright
from llmwright.targets.kubernetes.manifests.render_input import RenderInput
from llmwright.values.launch import Launch, Process


def image(rendering: RenderInput, launch: Launch, process: Process) -> str:
    """The settings' image of the role, else the driver's, else the one that is built under the role's name."""
    role = process.image
    own = f"localhost/llmwright/{role}:{llmwright.__version__}"
    return rendering.settings.images.get(role) or launch.images.get(role) or own
