"""The provisioner ``local``: this machine, as it is, at once and for nothing."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from llmwright.plugins.drivers import Provisioner
from llmwright.provisioners.machine import Machine, measure
from llmwright.values.instance_type import InstanceType
from llmwright.values.nodes import Node, NodeRequest, ProvisionerAction, ProvisionerDecision, Ready
from llmwright.values.plan import Target

NAME = "local"


@dataclass(frozen=True, slots=True)
class Here:
    """The observation: the machine's name."""

    node: str


class LocalProvisioner(Provisioner):
    """Answers every request with this machine; there is nothing to create and nothing to give back."""

    targets: ClassVar[frozenset[Target]] = frozenset({"local"})
    default_rank: ClassVar[Mapping[Target, int]] = {"local": 100}

    def instance_types(self) -> tuple[InstanceType, ...]:
        """This machine as one instance type, as far as this process may use it; without a price."""
        return (instance_type(measure()),)

    def observe(self, request: NodeRequest, snapshot: Any) -> Here:
        """The machine's name."""
        return Here(platform.node() or "localhost")

    def decide(self, request: NodeRequest, observed: Here, now: datetime) -> ProvisionerDecision:
        """Ready with this machine for any count above 0."""
        return ProvisionerDecision(outcome=Ready((Node(name=observed.node),) if request.count else ()))

    def act(self, action: ProvisionerAction) -> None:
        """Nothing: ``decide`` asks for nothing."""


def instance_type(machine: Machine) -> InstanceType:
    """``machine`` as data; with GPUs of several kinds, as many as there are of the smallest."""
    smallest: Mapping[str, Any] = {}
    if machine.gpus:
        gpu = min(machine.gpus, key=lambda gpu: gpu.memory_bytes)
        smallest = {
            "gpus": len(machine.gpus),
            "gpu_model": gpu.model,
            "gpu_memory_bytes": gpu.memory_bytes,
            "compute_capability": gpu.compute_capability,
        }
    return InstanceType(
        name=NAME,
        cloud="local",
        cpus=machine.cpus,
        memory_bytes=machine.memory_bytes,
        fact_source="this machine",
        **smallest,
    )
