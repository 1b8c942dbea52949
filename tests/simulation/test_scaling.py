"""Scaling in the simulator: survivors stay, pods go before nodes, and Ready tells the truth at every moment."""

from __future__ import annotations

import pytest
from tests.simulation import kinds
from tests.simulation.schedule import Simulation, workspace

from llmwright.testing.simulation.storage import Change, Object

NAME = ("default", "a")
LONG_S = 3600.0


class Watcher:
    """Looks at every change: who of the survivors went, and what was called ready too early or flapped."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation, self.noted = simulation, simulation.storage.changed
        self.troubles: list[str] = []
        self.staying = 0
        self.shrinking = False
        simulation.storage.changed = self.look

    def look(self, change: Change) -> None:
        """Note what may not be."""
        self.noted(change)
        if change.kind == kinds.PODS and change.before is not None:
            self._pod(change.before, change.after)
        if change.kind == kinds.NODES and change.after is None and change.before is not None:
            self._node(change.before)
        if change.kind == kinds.WORKSPACES and change.after is not None:
            self._workspace(change.after)

    def _pod(self, before: Object, after: Object | None) -> None:
        number = int(before["metadata"]["name"].rpartition("-")[2])
        if number < self.staying and (after is None or "deletionTimestamp" in after["metadata"]):
            self.troubles.append(f"pod {number} went, {self.staying} should have stayed")

    def _node(self, node: Object) -> None:
        name = node["metadata"]["name"]
        left = [pod for pod in self.simulation.storage.all(kinds.PODS) if pod["spec"].get("nodeName") == name]
        self.troubles += [f"node {name} went before {pod['metadata']['name']}" for pod in left]

    def _workspace(self, found: Object) -> None:
        status = found.get("status") or {}
        ready = next((one for one in status.get("conditions") or [] if one["type"] == "Ready"), None)
        if ready is None or ready.get("observedGeneration") != found["metadata"]["generation"]:
            return
        if ready["status"] == "True" and not self._all_answer(found["inference"]["replicas"]):
            self.troubles.append("called ready before all replicas answered")
        if ready["status"] != "True" and self.shrinking:
            self.troubles.append(f"not ready on the way down: {ready['reason']}: {ready['message']}")

    def _all_answer(self, wanted: int) -> bool:
        pods = {pod["metadata"]["name"]: pod for pod in self.simulation.storage.all(kinds.PODS)}
        return all(_is_ready(pods.get(f"a-{number}")) for number in range(wanted))


def _is_ready(pod: Object | None) -> bool:
    conditions = pod["status"].get("conditions") or [] if pod is not None else []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("mode", ["nodeclaim", "nodepool"])
def test_survivors_stay_and_ready_tells_the_truth(mode: str, seed: int) -> None:
    simulation = Simulation(seed, mode=mode)
    timeline, watcher = simulation.timeline, Watcher(simulation)

    def settle(replicas: int) -> None:
        end = timeline.now + LONG_S
        timeline.run(end, lambda: simulation.quiet({"a": replicas}))
        assert simulation.troubles({"a": replicas}) == []

    with simulation.going():
        timeline.spawn(lambda: simulation.apply(workspace("a", 4)), "user")
        settle(4)
        for replicas in (2, 3, 1):
            watcher.staying = min(replicas, len(simulation.storage.all(kinds.PODS)))
            watcher.shrinking = replicas < len(simulation.storage.all(kinds.PODS))
            change = {"metadata": {"name": "a"}, "inference": {"replicas": replicas}}
            timeline.spawn(lambda change=change: simulation.apply(change), "user")  # type: ignore[misc]
            settle(replicas)
            timeline.run(timeline.now + 60.0)
    assert watcher.troubles == []
