"""One simulation: a cluster, its machines, and an operator that is refused, cut off and killed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from importlib import import_module
from pkgutil import walk_packages
from typing import Any
from unittest import mock

import urllib3
from kubernetes.client import Configuration
from tests.simulation import kinds, third_party
from tests.simulation.forms import GPUS, INSTANCE_TYPE, first_wish, workspace_of
from tests.simulation.judge import troubles
from tests.simulation.network import HOST, Faults, Network
from tests.simulation.witness import Witness
from tests.simulation.world import Pace, World

from llmwright.app.cluster_planner import ClusterPlanner
from llmwright.app.session import Session
from llmwright.plugins.drivers import Context, Provisioner
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.operator.process.operator import Operator
from llmwright.testing.simulation.api_server import ApiServer, merge_patched
from llmwright.testing.simulation.stand_ins import in_place_of_the_real
from llmwright.testing.simulation.storage import Object, Storage
from llmwright.testing.simulation.timeline import Timeline

SIMULATED = (
    "llmwright.targets.clouds",
    "llmwright.targets.kubernetes",
    "llmwright.app",
    "llmwright_provisioner_karpenter",
)
NODE_CLASS = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"}


def simulates(module: str) -> bool:
    """Return whether a module's clocks and threads are the timeline's."""
    return module.startswith(SIMULATED) and ".karpenter_client" not in module


def _import_all(package: str) -> None:
    """Import what is imported late, too: a module that comes in the middle of a simulation would have real clocks."""
    for module in walk_packages(getattr(import_module(package), "__path__", ()), f"{package}."):
        if simulates(module.name):
            import_module(module.name)


def end_sessions() -> None:
    """Let other tests of this process find neither the sessions nor the plugins of third parties."""
    session.cache_clear()
    third_party.remove()


@cache
def session(mode: str, preflight: bool = False) -> Session:
    """Return the settings, plugins and catalogue of all operators of these schedules."""
    for package in SIMULATED:
        _import_all(package)
    third_party.install()
    plugins = {"provisioner": {"karpenter": {"nodeClassRef": NODE_CLASS, "mode": mode}}}
    written = {"preflight": preflight, "provisioner": "karpenter", "allowPlaceholders": True, "plugins": plugins}
    return Session(given_settings=Settings.model_validate(written))


def workspace(name: str, replicas: int = 1) -> Object:
    """Return a Workspace that serves a public model on ``replicas`` machines."""
    return workspace_of(name, first_wish("serving", replicas))


@dataclass
class Simulation:
    """A cluster, its world, and one operator after the other."""

    seed: int
    mode: str = "nodeclaim"
    faults: Faults = field(default_factory=Faults)
    pace: Pace = field(default_factory=Pace)
    preflight: bool = False

    def __post_init__(self) -> None:
        self.timeline = Timeline(self.seed)
        self.storage = Storage(self.timeline.datetime, self.seed)
        self.server = ApiServer(self.storage, self.timeline.wait, kinds.ALL)
        self.world = World(self.storage, self.timeline, self.pace, gpus={INSTANCE_TYPE: GPUS})
        self.witness = Witness(self.storage, self.timeline, self.mode)
        self.requests: list[tuple[float, str, str]] = []
        self.cloud = third_party.AcmeCloud(slowness=2, timeline=self.timeline, faults=self.faults, calls=self.requests)
        self.cloud.woken = lambda: self.world.follow(self.cloud)
        self.lives = 0
        self.network: Network | None = None

    @contextmanager
    def going(self) -> Iterator[None]:
        """Have time be the timeline's, and requests go to this cluster."""

        def request(_: Any, method: str, url: str, body: Any = None, **options: Any) -> Any:
            assert self.network is not None
            return self.network.request(method, url, body, **options)

        # Before the clocks are replaced: it imports the modules whose clocks they are.
        session(self.mode, self.preflight)
        patched = mock.patch.object(urllib3.PoolManager, "request", request)
        with in_place_of_the_real(self.timeline, simulates), patched:
            self.world.start()
            self.begin_operator()
            try:
                yield
            finally:
                self.timeline.close()

    def begin_operator(self) -> None:
        """Start an operator, as after a crash: it remembers nothing."""
        self.lives += 1
        group = f"operator {self.lives}"
        self.network = Network(self.server, self.timeline, partial(self._kill, group), self.faults, self.requests)
        configuration = Configuration(host=HOST)
        configuration.verify_ssl = False
        api = Api(configuration)
        known = session(self.mode, self.preflight)
        operator = Operator(
            api,
            known.settings,
            ClusterPlanner(known),
            lambda name: self._provisioner(name, api),
            known.registry.hooks(),
            lambda *_: None,
            ("karpenter",),
        )
        self.operator = operator
        self.timeline.spawn(operator.start, "operator", group)

    def calm(self) -> None:
        """Let no more faults happen."""
        self.faults.__dict__.update(Faults().__dict__)
        self.server.watch_lag = 0
        self.world.unreliable = 0.0

    def kill(self) -> None:
        """End the operator as SIGKILL does; another starts a little later."""
        self._kill(f"operator {self.lives}")

    def _provisioner(self, name: str, api: Api) -> Provisioner:
        if name == "acme":
            return third_party.AcmeProvisioner(Context(lambda: datetime.now(UTC), {}, self.cloud))
        return session(self.mode, self.preflight).drivers.provisioner(name, api)

    def _kill(self, group: str) -> None:
        if not any(task.group == group for task in self.timeline.tasks):
            return
        self.timeline.end(group)
        self.timeline.spawn(self._restart, "restart", "world")

    def _restart(self) -> None:
        self.timeline.pause(self.timeline.random.uniform(1.0, 10.0))
        self.begin_operator()

    # What users do.

    def find(self, name: str) -> Object | None:
        """Return a Workspace that is there."""
        return self.storage.find(kinds.WORKSPACES, ("default", name))

    def apply(self, body: Object) -> None:
        """Create a Workspace, or change what of it is written."""
        name = ("default", body["metadata"]["name"])
        live = self.storage.find(kinds.WORKSPACES, name)
        if live is None:
            self.storage.create(kinds.WORKSPACES, body, "user")
        else:
            self.storage.update(kinds.WORKSPACES, name, merge_patched(live, body), "user")

    def delete(self, name: str) -> None:
        """Ask for a Workspace to go."""
        if self.find(name) is not None:
            self.storage.delete(kinds.WORKSPACES, ("default", name))

    # What must hold.

    def quiet(self, wanted: Mapping[str, int]) -> bool:
        """Return whether everything is as asked: ``wanted`` has the replicas of each Workspace that serves."""
        return not self.troubles(wanted)

    def troubles(self, wanted: Mapping[str, int]) -> list[str]:
        """Return what is not as asked."""
        return troubles(self, {name: first_wish("serving", replicas) for name, replicas in wanted.items()})
