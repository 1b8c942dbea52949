"""Requests and options of an A100 machine."""

from __future__ import annotations

from typing import Any

from llmwright.testing import make_instance_type
from llmwright.values.nodes import NodeRequest
from llmwright_provisioner_aks.options import AksOptions

SIZE = "Standard_NC24ads_A100_v4"
MACHINE = make_instance_type(name=SIZE, cloud="azure", gpus=1, compute_capability=(8, 0))


def make_request(**changes: Any) -> NodeRequest:
    """One node for the Workspace ``demo``."""
    facts = {"namespace": "default", "workspace": "demo", "count": 1, "selector": {"apps": "x"}}
    return NodeRequest(**{**facts, "instance_type": MACHINE, "instance_type_name": SIZE, **changes})


def make_options(**options: Any) -> AksOptions:
    """Options by the names of the YAML."""
    return AksOptions.model_validate(options)
