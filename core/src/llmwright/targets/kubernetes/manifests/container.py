"""One container of a pod."""

from __future__ import annotations

from llmwright.targets.kubernetes.manifests import devices, object_names
from llmwright.targets.kubernetes.manifests.command import command
from llmwright.targets.kubernetes.manifests.environment import environment
from llmwright.targets.kubernetes.manifests.images import image
from llmwright.targets.kubernetes.manifests.probes import probes
from llmwright.targets.kubernetes.manifests.references import references
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput
from llmwright.targets.kubernetes.manifests.volumes import mounts
from llmwright.values.launch import Launch, Process


def main_container(rendering: RenderInput, launch: Launch) -> Manifest:
    """The one called after the Workspace: with ports, GPUs and, of several machines, its rank."""
    found = _container(rendering, launch, launch.main, rendering.name)
    if launch.ports:
        found["ports"] = [{"name": name, "containerPort": number} for name, number in _own_ports(launch).items()]
    return found


def container(rendering: RenderInput, launch: Launch, process: Process) -> Manifest:
    """Any other one."""
    found = _container(rendering, launch, process, object_names.container(process))
    if process in launch.beside:
        found["ports"] = [{"name": "http", "containerPort": launch.ports["http"]}]
    return found


def _own_ports(launch: Launch) -> dict[str, int]:
    """Those of ``main``: where another process answers in its place, ``http`` is that one's."""
    return {name: number for name, number in launch.ports.items() if name != "http" or not launch.beside}


def _container(rendering: RenderInput, launch: Launch, process: Process, name: str) -> Manifest:
    known = references(rendering, launch, process)
    ranks = launch.ranks if process is launch.main else None
    found: Manifest = {
        "name": name,
        "image": image(rendering, launch, process),
        "args" if process.argv[0].startswith("-") else "command": command(process, known, ranks),
        "env": environment(process, known, ranked=ranks is not None),
        "resources": devices.resources(rendering, process.gpus),
        "volumeMounts": mounts(process, launch),
        **probes(process, launch, known),
    }
    return {key: value for key, value in found.items() if value}
