"""The judge of the schedules knows what is right after an edit, and what is only late."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulation import kinds
from tests.simulation.acting import digest_of
from tests.simulation.forms import first_wish, workspace_of
from tests.simulation.node_source import NodeSource
from tests.simulation.schedule import Simulation

from llmwright.testing.simulation.storage import Object

CLAIMS = NodeSource("karpenter", {"mode": "nodeclaim", "capacityType": "on-demand"})
RACKS = NodeSource("racks", {"row": "1", "power": "low"})
CONFIG = "resource.provisionerConfig"


@pytest.mark.parametrize(
    ("held", "written", "paths", "power"),
    [
        (CLAIMS, NodeSource(), [], None),
        (CLAIMS, NodeSource("karpenter", {"mode": "nodeclaim"}), [], None),
        (CLAIMS, NodeSource("", {"mode": "nodepool"}), [f"{CONFIG}.mode"], None),
        (CLAIMS, NodeSource("byo"), ["resource.provisioner"], None),
        (RACKS, NodeSource(), [], "low"),
        (RACKS, NodeSource("racks", {"power": "high"}), [], "high"),
        (RACKS, NodeSource("racks", {"power": "high", "row": "2"}), [f"{CONFIG}.row"], "high"),
        (RACKS, NodeSource("karpenter", {"mode": "nodepool"}), ["resource.provisioner"], "low"),
    ],
)
def test_what_is_held_and_what_is_not_applied(
    held: NodeSource, written: NodeSource, paths: list[str], power: str | None
) -> None:
    assert [*held.unapplied(written)] == paths
    after = held.after(written, "nodeclaim")
    assert (after.provisioner, after.options.get("power")) == (held.provisioner, power)


class Served:
    """A Workspace of ``replicas``, a server of ``pods``, and no operator."""

    def __init__(self, replicas: int, pods: int) -> None:
        self.simulation = Simulation(0)
        self.witness, self.storage = self.simulation.witness, self.simulation.storage
        container = {"name": "serve", "command": ["vllm", "serve", "acme/tiny"]}
        server: Object = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": self.metadata}
        server["spec"] = {"replicas": pods, "template": {"spec": {"containers": [container]}}}
        self.storage.create(kinds.WORKSPACES, workspace_of("a", first_wish("serving", replicas)), "user")
        live = self.storage.create(kinds.STATEFULSETS, server, "operator")
        template = live["spec"]["template"]
        for number in range(pods):
            self.simulation.world._make_pod(kinds.STATEFULSETS, live, f"a-{number}", template, digest_of(template))

    def answer(self) -> None:
        """Have all pods become ready."""
        for pod in self.storage.all(kinds.PODS):
            ready = {"type": "Ready", "status": "True"}
            self.simulation.world.patch(kinds.PODS, pod, {"status": {"conditions": [ready]}}, "status")

    @property
    def metadata(self) -> Object:
        return {"name": "a", "namespace": "default", "labels": {"kaito.sh/workspace": "a"}}

    def say_ready(self, generation: int) -> list[str]:
        """Have the status call that generation ready; return what the witness finds too early."""
        ready = {"type": "Ready", "status": "True", "reason": "Ready"}
        self.write({"status": {"observedGeneration": generation, "conditions": [ready]}}, "status")
        return self.witness.early

    def write(self, patch: dict[str, Any], part: str = "") -> None:
        live = self.storage.get(kinds.WORKSPACES, ("default", "a"))
        self.simulation.world.patch(kinds.WORKSPACES, live, patch, part)


def test_a_server_with_more_copies_than_asked_for_answers() -> None:
    served = Served(replicas=2, pods=3)
    served.answer()
    assert served.say_ready(1) == []


def test_a_server_with_fewer_copies_than_asked_for_is_called_ready_too_early() -> None:
    served = Served(replicas=3, pods=2)
    served.answer()
    assert len(served.say_ready(1)) == 1


def test_a_status_may_tell_the_truth_of_the_generation_before() -> None:
    served = Served(replicas=2, pods=2)
    served.write({"inference": {"replicas": 3}})
    served.answer()
    assert served.say_ready(1) == []
    assert len(served.say_ready(2)) == 1
