"""A Workspace, a Launch and what they are rendered with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmwright.api.document import Document, parse_workspace
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.manifests import RenderInput
from llmwright.values.launch import HttpGet, Launch, Mount, Probe, Process, Volume
from llmwright.values.nodes import NodeRequest, Placement

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


@pytest.fixture
def rendering() -> Callable[..., RenderInput]:
    """``rendering(settings={…}, placement=…, **parts of the Workspace)``."""

    def render(settings: dict[str, Any] | None = None, placement: Placement | None = None, **parts: Any) -> RenderInput:
        metadata = {"name": "ws", "namespace": "ns", "uid": "1-2", **parts.pop("metadata", {})}
        document = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": metadata, **parts}
        return RenderInput(
            workspace=parse_workspace(Document(document)),
            settings=Settings(**(settings or {})),
            placement=placement or Placement(),
        )

    return render
