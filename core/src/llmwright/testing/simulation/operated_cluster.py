"""One provisioner on a cluster in memory: the real operator asks it, and its world makes nodes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

from llmwright.plugins.drivers import Provisioner
from llmwright.plugins.hooks import Hooks
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.operator.process.operator import Operator
from llmwright.testing.simulation.api_server import ApiServer
from llmwright.testing.simulation.given_plan import GivenPlan, name_driver, workspace_of
from llmwright.testing.simulation.kinds import ALL, NODES, WORKSPACES, Kind
from llmwright.testing.simulation.stand_ins import in_place_of_the_real
from llmwright.testing.simulation.storage import Object, Storage
from llmwright.testing.simulation.timeline import Timeline
from llmwright.testing.world import World
from llmwright.values.nodes import NodeRequest, required_labels
from llmwright.values.snapshot import Snapshot

SIMULATED = ("llmwright.targets.clouds", "llmwright.targets.kubernetes")
TICK_S = 30
"""As ``World.tick`` has it."""
SWEEP_S = 300
DELAY_S = 0.02
"""The time of one request to the API server."""


class MemoryApi(Api):
    """The operator's client, whose requests an API server in memory answers."""

    def __init__(self, server: ApiServer, timeline: Timeline) -> None:
        self.configuration = cast("Any", SimpleNamespace(host=""))
        self._server, self._timeline = server, timeline

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str], answer_s: float) -> Any:
        self._timeline.pause(DELAY_S)
        return self._server.answer(method, path, body, headers)

    def _headers(self, accept: str) -> dict[str, str]:
        return {"Accept": accept}


class _NoHooks:
    """No hook is installed."""

    def revise(self, hook: str, name: str, objects: Any, **arguments: Any) -> Any:
        """Return ``objects``."""
        return objects


@dataclass
class OperatedCluster:
    """A cluster whose operator carries out one Workspace, that of ``request``, with ``driver``.

    ``acts`` are the moments in seconds at which the driver acted, ``bought`` all machines that came since the start.
    """

    driver: Provisioner
    world: World
    request: NodeRequest
    acts: list[float] = field(default_factory=list)
    bought: set[str] = field(default_factory=set)
    most: int = 0
    """The most machines that were there at once, beside those from before."""

    def __post_init__(self) -> None:
        self.timeline = Timeline(0, self.world.now)
        self.storage = Storage(self.timeline.datetime)
        self.key = (self.request.namespace, self.request.workspace)
        self._kinds = {(kind.group, kind.plural): kind for kind in ALL}
        for watch in self.driver.watches():
            kind = Kind(watch.group, watch.version, watch.plural, watch.events_of or watch.plural, namespaced=False)
            self._kinds.setdefault((watch.group, watch.plural), kind)
        self._server = ApiServer(self.storage, self.timeline.wait, tuple(self._kinds.values()))
        self._mirrored: dict[tuple[Kind, tuple[str, str]], str] = {}
        self._before = self.names
        self._lives = 0

    @property
    def names(self) -> frozenset[str]:
        """The machines of the world."""
        return frozenset(machine.name for machine in self.world.truth() or ())

    @property
    def left(self) -> frozenset[str]:
        """The machines of the world that were not there before."""
        return self.names - self._before

    @contextmanager
    def going(self) -> Iterator[None]:
        """Let time be simulated, and the operator run."""
        act = self.driver.act

        def counted(action: Any) -> Any:
            self.acts.append(self.timeline.now)
            try:
                return act(action)
            finally:
                self._see()

        with in_place_of_the_real(self.timeline, lambda module: module.startswith(SIMULATED)):
            vars(self.driver)["act"] = counted
            self._mirror()
            self.timeline.spawn(self._turn, "world", "world")
            self._begin()
            try:
                yield
            finally:
                del vars(self.driver)["act"]
                self.timeline.close()

    def apply(self, count: int) -> None:
        """Write the Workspace, so that it needs ``count`` machines."""
        body = workspace_of(self.driver, self.request, count)
        live = self.storage.find(WORKSPACES, self.key)
        if live is None:
            self.storage.create(WORKSPACES, body, "user")
        else:
            self.storage.update(WORKSPACES, self.key, {**live, **body, "metadata": live["metadata"]}, "user")

    def delete(self) -> None:
        """Ask for the Workspace to go."""
        if self.exists:
            self.storage.delete(WORKSPACES, self.key)

    def vanish(self) -> None:
        """Take the Workspace away with everything of it, as who removes its finalizer by hand."""
        live = self.storage.get(WORKSPACES, self.key)
        bare = {**live, "metadata": {**live["metadata"], "finalizers": []}}
        self.storage.update(WORKSPACES, self.key, bare, "user")
        self.delete()

    def kill(self) -> None:
        """End the operator as SIGKILL does, and start another, which remembers nothing."""
        self.timeline.end(f"operator {self._lives}")
        self._begin()

    def run(self, seconds: float, stop: Callable[[], bool] = lambda: False) -> bool:
        """Let ``seconds`` pass, or fewer, until ``stop`` holds; return whether it does."""
        self.timeline.run(self.timeline.now + seconds, stop)
        return stop()

    @property
    def exists(self) -> bool:
        """Whether the Workspace is there."""
        return self.storage.find(WORKSPACES, self.key) is not None

    def condition(self, kind: str) -> Mapping[str, str]:
        """Return a condition of the Workspace; empty where it is not set."""
        status = (self.storage.find(WORKSPACES, self.key) or {}).get("status") or {}
        return next((each for each in status.get("conditions") or () if each["type"] == kind), {})

    @property
    def told(self) -> str:
        """The reason and the message of the condition ``NodesReady``, or else of ``Ready``."""
        about = self.condition("NodesReady") or self.condition("Ready")
        return f"{about.get('reason')}: {about.get('message')}"

    def has_nodes(self, count: int) -> bool:
        """Return whether the status says that ``count`` nodes are ready."""
        status = (self.storage.find(WORKSPACES, self.key) or {}).get("status") or {}
        ready = self.condition("NodesReady").get("status") == self.condition("ResourceReady").get("status") == "True"
        return ready and len(status.get("workerNodes") or ()) == count

    def _begin(self) -> None:
        self._lives += 1
        name = name_driver(self.driver)
        orphans = {"interval": SWEEP_S, "delete": True}
        settings = Settings.model_validate({"preflight": False, "provisioner": name, "orphans": orphans})
        api = MemoryApi(self._server, self.timeline)
        planner, hooks = GivenPlan(self.driver, self.request), cast(Hooks, _NoHooks())
        operator = Operator(api, settings, planner, lambda _: self.driver, hooks, lambda *_: None, (name,))
        self.timeline.spawn(operator.start, "operator", f"operator {self._lives}")

    def _turn(self) -> None:
        """Have the world's time pass, and show the cluster what became of it."""
        while True:
            for _ in range(TICK_S):
                self.timeline.pause(1.0)
                self._see()
                self._mirror()
            self.world.tick()

    def _see(self) -> None:
        self.bought |= self.left
        self.most = max(self.most, len(self.left))

    def _mirror(self) -> None:
        """Make the objects of the cluster those of the world."""
        there: dict[tuple[Kind, tuple[str, str]], Object] = {}
        snapshot = self.world.snapshot()
        watched = {(watch.group, watch.plural) for watch in self.driver.watches()}
        if isinstance(snapshot, Snapshot):
            for place in watched - {("", "nodes")}:
                there |= {(self._kinds[place], _name_of(each)): dict(each) for each in snapshot.every(*place)}
            there |= {(NODES, _name_of(each)): dict(each) for each in snapshot.nodes()}
        else:
            there |= {(NODES, _name_of(each)): each for each in self._nodes()}
        for (kind, name), body in there.items():
            text = json.dumps(body, sort_keys=True, default=str)
            if self._mirrored.get((kind, name)) != text:
                self.storage.put(kind, name, body)
                self._mirrored[kind, name] = text
        for kind, name in self._mirrored.keys() - there.keys():
            self.storage.drop(kind, name)
            del self._mirrored[kind, name]

    def _nodes(self) -> Sequence[Object]:
        """Return a node for each machine that runs. One whose labels the world does not know has those it needs."""
        request = self.request
        needed = required_labels(request, self.driver.placement(request))
        return [
            {
                "metadata": {
                    "name": machine.name,
                    "labels": dict(needed if machine.labels is None else machine.labels),
                },
                "status": {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {}},
            }
            for machine in self.world.truth() or ()
            if machine.running
        ]


def _name_of(body: Mapping[str, Any]) -> tuple[str, str]:
    return body["metadata"].get("namespace") or "", body["metadata"]["name"]
