"""Plans for tests."""

from __future__ import annotations

from typing import Any

from llmwright.values.nodes import NodeRequest
from llmwright.values.plan import Choice, Plan


def make_plan(name: str = "demo", inputs: str = "1", **changes: Any) -> Plan:
    """Return a plan of the Workspace ``default/NAME`` for this machine; ``changes`` are fields of Plan."""
    fields = {
        "workspace": name,
        "namespace": "default",
        "inputs": inputs,
        "target": "local",
        "preset": "demo",
        "provisioner": Choice(name="local", why="it is this machine"),
        "nodes": NodeRequest(namespace="default", workspace=name, count=1),
        "served_names": ("demo",),
    }
    return Plan(**{**fields, **changes})
