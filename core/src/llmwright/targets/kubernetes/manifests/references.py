"""What ``$(…)`` in a Launch means in a pod."""

from __future__ import annotations

from llmwright.targets.kubernetes.manifests import object_names
from llmwright.targets.kubernetes.manifests.render_input import RenderInput
from llmwright.values.launch import Launch, Process, fill

ADDRESS = "$(address)"
"""Known only once the pod is there: an environment variable that is this is taken from the pod's own status."""


def references(rendering: RenderInput, launch: Launch, process: Process) -> dict[str, str]:
    """Every reference that ``process`` may use, but for ``ADDRESS``."""
    return {
        **{f"volume.{mount.volume}": mount.path for mount in process.mounts},
        **{f"port.{name}": str(number) for name, number in launch.ports.items()},
        "host": "0.0.0.0",  # noqa: S104 - a pod is reached through its Service
        "python": "python3",
        "leader": object_names.leader(rendering),
    }


def escaped(text: str) -> str:
    """``text`` as the kubelet hands it on unchanged: it would expand ``$(NAME)`` too."""
    return text.replace("$(", "$$(")


def filled(text: str, known: dict[str, str]) -> str:
    """``text`` with its references filled in, safe from the kubelet's own."""
    return escaped(fill(text, known))
