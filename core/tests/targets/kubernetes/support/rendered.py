"""A Workspace, a Launch, and what is rendered from them."""

from __future__ import annotations

from typing import Any

from llmwright.api.document import Document, parse_workspace
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.manifests import Manifest, Manifests, RenderInput, serving_objects
from llmwright.values.launch import HttpGet, Launch, Mount, Probe, Process, Volume
from llmwright.values.nodes import NodeRequest, Placement

INFERENCE = {"preset": {"name": "phi-4"}}
TUNING = {
    "preset": {"name": "phi-4"},
    "method": "lora",
    "input": {"name": "d", "image": "r.example/d:1", "imagePullSecrets": ["in"]},
    "output": {"image": "r.example/o:1", "imagePushSecret": "key"},
}
NODES = NodeRequest(namespace="ns", workspace="ws", count=1, selector={"apps": "x"})
SERVER = Launch(
    main=Process(
        name="serve",
        argv=("$(python)", "-m", "server", "--port", "$(port.http)", "--host", "$(host)"),
        mounts=(Mount(volume="dshm", path="/dev/shm"),),
        ready=Probe(check=HttpGet("/health")),
        gpus=2,
    ),
    volumes=(Volume(name="dshm", kind="memory"),),
    ports={"http": 5000},
)


def render_input(
    settings: dict[str, Any] | None = None, placement: Placement | None = None, **parts: Any
) -> RenderInput:
    """The Workspace ``ns/ws``; it serves a preset unless ``parts`` say otherwise."""
    parts = parts if "tuning" in parts else {"inference": INFERENCE, **parts}
    metadata = {"name": "ws", "namespace": "ns", "uid": "1-2", **parts.pop("metadata", {})}
    document = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": metadata, **parts}
    return RenderInput(
        workspace=parse_workspace(Document(document)),
        settings=Settings(**(settings or {})),
        placement=placement or Placement(),
    )


def serving(
    launch: Launch = SERVER, nodes: NodeRequest = NODES, settings: dict[str, Any] | None = None, **parts: Any
) -> Manifests:
    """The objects that serve."""
    return serving_objects(render_input(settings, **parts), launch, nodes)


def pod(objects: Manifests) -> Manifest:
    """The pod's spec in the workload, which is the last object."""
    spec: Manifest = objects[-1]["spec"]["template"]["spec"]
    return spec


def container(objects: Manifests) -> Manifest:
    """The first container of the workload's pod."""
    first: Manifest = pod(objects)["containers"][0]
    return first
