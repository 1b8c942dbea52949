"""Small values to call drivers with: a preset, a machine, a Fit, data, an adapter."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from llmwright.plugins.drivers import Context
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.instance_type import InstanceType
from llmwright.values.nodes import NodeRequest
from llmwright.values.plan import Choice, Cost, Plan
from llmwright.values.preset import Architecture, Preset
from llmwright.values.tuning_data import TuningData

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def make_context(**changes: Any) -> Context:
    """A Context whose clock stands still at ``NOW``."""
    return Context(**{"clock": lambda: NOW, **changes})


def make_preset(*, scale: int = 1, **changes: Any) -> Preset:
    """A preset of a Llama-like network of 3 million weights, in float32; ``scale`` times as many layers."""
    layers, kv_heads, head_dim = 4 * scale, 4, 64
    parameters = layers * (4 * 256 * kv_heads * head_dim + 3 * 256 * 688) + 256 * 1024
    facts: dict[str, Any] = {
        "name": "tiny",
        "family": "llama",
        "source": "file:///models/tiny",
        "license": "Apache-2.0",
        "parameters": parameters,
        "weight_bytes": 4 * parameters,
        "dtype": "float32",
        "context": 512,
        "kv_bytes_per_token": 2 * layers * kv_heads * head_dim * 2,
        "architecture": Architecture(
            names=("LlamaForCausalLM",),
            layers=layers,
            hidden_size=256,
            intermediate_size=688,
            attention_heads=4,
            kv_heads=kv_heads,
            head_dim=head_dim,
            vocab_size=1024,
        ),
        "lora_targets": ("q_proj", "k_proj", "v_proj", "o_proj"),
        "tunable": True,
        "fact_source": "llmwright.testing",
    }
    return Preset(**{**facts, **changes})


def make_instance_type(**changes: Any) -> InstanceType:
    """A machine of 2 cores and 8 GiB without a GPU."""
    return InstanceType(**{"name": "this-machine", "cloud": "local", "cpus": 2, "memory_bytes": 8 * 2**30, **changes})


def make_fit(**changes: Any) -> Fit:
    """A Fit on ``make_instance_type()``: CPU, float32, 512 tokens."""
    facts = {"instance_type": make_instance_type(), "context": 512, "budget_bytes": 8 * 2**30}
    return Fit(**{**facts, **changes})


def make_tuning_data(**changes: Any) -> TuningData:
    """Data from a URL, to be delivered to a volume."""
    facts = {"urls": ("file:///data/train.jsonl",), "output_volume_source": {"hostPath": {"path": "/results"}}}
    return TuningData(**{**facts, **changes})


def make_adapter(**changes: Any) -> Adapter:
    """An adapter in the volume ``adapters``."""
    return Adapter(**{"name": "polite", "path": "$(volume.adapters)/polite", "strength": 1.0, **changes})


def make_node_request(**changes: Any) -> NodeRequest:
    """A request for one machine, for the Workspace ``demo`` in the namespace ``default``."""
    return NodeRequest(**{"namespace": "default", "workspace": "demo", "count": 1, **changes})


def make_plan(**changes: Any) -> Plan:
    """A Plan for the Workspace ``demo``: to serve ``tiny`` on one bought machine, for 3.5 USD an hour."""
    facts: dict[str, Any] = {
        "workspace": "demo",
        "namespace": "team",
        "inputs": "0123456789abcdef",
        "target": "kubernetes",
        "preset": "tiny",
        "provisioner": Choice(name="acme", why="the Workspace names it"),
        "runtime": Choice(name="acme", why="the Workspace names it"),
        "instance_type": Choice(name="acme-a100", why="the Workspace names it"),
        "nodes": make_node_request(namespace="team", instance_type_name="acme-a100"),
        "fits": (("serving", make_fit()),),
        "cost": Cost(usd_per_hour=3.5, note="of tests"),
    }
    return Plan(**{**facts, **changes})
