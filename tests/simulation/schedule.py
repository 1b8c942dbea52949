"""One simulation: a cluster, an operator that is refused, cut off and killed, and what must hold in the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any
from unittest import mock

import urllib3
from kubernetes.client import Configuration
from tests.simulation import kinds
from tests.simulation.api_server import ApiServer, merge_patched
from tests.simulation.network import HOST, Faults, Network
from tests.simulation.storage import Change, Object, Storage
from tests.simulation.timeline import Timeline, in_place_of_the_real
from tests.simulation.world import Pace, World

from llmwright.app.cluster_planner import ClusterPlanner
from llmwright.app.session import Session
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.operator.process.operator import Operator

SIMULATED = ("llmwright.targets.kubernetes", "llmwright.app", "llmwright_provisioner_karpenter")
INSTANCE_TYPE, GPUS = "Standard_NC24ads_A100_v4", 1
NODE_CLASS = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"}
BUYER_LABELS = ("kaito.sh/workspace", "karpenter.kaito.sh/workspace-name")
PRESET = "phi-4-mini-instruct"


def simulates(module: str) -> bool:
    """Return whether a module's clocks and threads are the timeline's."""
    return module.startswith(SIMULATED) and ".karpenter_client" not in module


@cache
def session(mode: str, preflight: bool = False) -> Session:
    """Return the settings, plugins and catalogue of all operators of these schedules."""
    plugins = {"karpenter": {"nodeClassRef": NODE_CLASS, "mode": mode}}
    written = {"preflight": preflight, "provisioner": "karpenter", "allowPlaceholders": True, "plugins": plugins}
    return Session(given_settings=Settings.model_validate(written))


def workspace(name: str, replicas: int = 1) -> Object:
    """Return a Workspace that serves a public model on ``replicas`` machines."""
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": "default"},
        "resource": {"instanceType": INSTANCE_TYPE, "labelSelector": {"matchLabels": {"apps": name}}},
        "inference": {"preset": {"name": PRESET}, "replicas": replicas},
    }


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
        self.server = ApiServer(self.storage, self.timeline.wait)
        self.world = World(self.storage, self.timeline, self.pace, gpus={INSTANCE_TYPE: GPUS})
        self.storage.changed = self._noted
        self.lives = 0
        self.requests: list[tuple[float, str, str]] = []
        self.early: list[str] = []
        """Each time that a Workspace was called Ready without a server that answers."""
        self._answering: set[tuple[str, str]] = set()
        self.network: Network | None = None

    @contextmanager
    def going(self) -> Iterator[None]:
        """Have time be the timeline's, and requests go to this cluster."""

        def request(_: Any, method: str, url: str, body: Any = None, **options: Any) -> Any:
            assert self.network is not None
            return self.network.request(method, url, body, **options)

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
            lambda name: known.drivers.provisioner(name, api),
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
        self.world.no_capacity.clear()

    def kill(self) -> None:
        """End the operator as SIGKILL does; another starts a little later."""
        self._kill(f"operator {self.lives}")

    def lose(self, node: str) -> None:
        """Have a machine die, and its NodeClaim with it."""
        for claim in self.storage.all(kinds.NODE_CLAIMS):
            if (claim.get("status") or {}).get("nodeName") == node:
                self.storage.delete(kinds.NODE_CLAIMS, ("", claim["metadata"]["name"]))

    def _kill(self, group: str) -> None:
        if not any(task.group == group for task in self.timeline.tasks):
            return
        self.timeline.end(group)
        self.timeline.spawn(self._restart, "restart", "world")

    def _restart(self) -> None:
        self.timeline.pause(self.timeline.random.uniform(1.0, 10.0))
        self.begin_operator()

    # What users do.

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
        if self.storage.find(kinds.WORKSPACES, ("default", name)) is not None:
            self.storage.delete(kinds.WORKSPACES, ("default", name))

    # What must hold.

    def quiet(self, wanted: dict[str, int]) -> bool:
        """Return whether everything is as the users asked: ``wanted`` has the replicas of each Workspace."""
        return not self.troubles(wanted)

    def troubles(self, wanted: dict[str, int]) -> list[str]:
        """Return what is not as the users asked."""
        told = [f"{name} is there" for name in self._names(kinds.WORKSPACES) if name not in wanted]
        for name, replicas in wanted.items():
            told += self._of_one(name, replicas)
        owners = {found["metadata"]["uid"]: found["metadata"]["name"] for found in self.storage.all(kinds.WORKSPACES)}
        for claim in self.storage.all(kinds.NODE_CLAIMS):
            owner = _buyer(claim)
            if owner not in wanted:
                told.append(f"NodeClaim {claim['metadata']['name']} is left of {owner}")
        for kind in (kinds.STATEFULSETS, kinds.SERVICES, kinds.JOBS, kinds.CONTROLLER_REVISIONS):
            for found in self.storage.all(kind):
                if not any(one["uid"] in owners for one in found["metadata"].get("ownerReferences", ())):
                    told.append(f"{kind.kind} {found['metadata']['name']} has no owner")
        return told

    def _of_one(self, name: str, replicas: int) -> Iterator[str]:
        found = self.storage.find(kinds.WORKSPACES, ("default", name))
        if found is None:
            yield f"{name} is not there"
            return
        claims = [claim for claim in self.storage.all(kinds.NODE_CLAIMS) if _buyer(claim) == name]
        if len(claims) != replicas or any("deletionTimestamp" in claim["metadata"] for claim in claims):
            yield f"{name} has {len(claims)} NodeClaims, {replicas} are wanted"
        status = found.get("status") or {}
        conditions = {one["type"]: one for one in status.get("conditions") or []}
        ready = conditions.get("Ready", {})
        if ready.get("status") != "True" or status.get("observedGeneration") != found["metadata"]["generation"]:
            yield f"{name} is not ready: {ready.get('reason')}: {ready.get('message')}"
        elif not self._answers(name, replicas):
            yield f"{name} is called ready, and does not answer"

    def _answers(self, name: str, replicas: int) -> bool:
        server = self.storage.find(kinds.STATEFULSETS, ("default", name))
        if server is None or server["spec"]["replicas"] != replicas:
            return False
        return int((server.get("status") or {}).get("readyReplicas", 0)) >= replicas

    def _names(self, kind: kinds.Kind) -> list[str]:
        return [found["metadata"]["name"] for found in self.storage.all(kind)]

    def _note_answer(self, pod: Object) -> None:
        """Keep in mind that a server answers, once all its pods are ready."""
        pods = [one for one in self.storage.all(kinds.PODS) if _owner_of_pod(one) == _owner_of_pod(pod)]
        for server in self.storage.all(kinds.STATEFULSETS):
            enough = sum(map(_is_ready, pods)) >= server["spec"]["replicas"]
            if server["metadata"]["uid"] == _owner_of_pod(pod) and enough:
                self._answering.add((server["metadata"]["name"], _owner(server)))

    def _noted(self, change: Change) -> None:
        if change.kind == kinds.PODS and change.after is not None and _is_ready(change.after):
            self._note_answer(change.after)
        if change.kind == kinds.STATEFULSETS and change.after is not None:
            # One that is scaled down answers with the pods that are ready already.
            for pod in self.storage.all(kinds.PODS):
                if _owner_of_pod(pod) == change.after["metadata"]["uid"] and _is_ready(pod):
                    self._note_answer(pod)
        if change.kind == kinds.WORKSPACES and change.after is not None:
            was_ready = change.before is not None and _is_ready(change.before)
            if _is_ready(change.after) and not was_ready:
                self._note_ready(change.after)

    def _note_ready(self, workspace: Object) -> None:
        metadata = workspace["metadata"]
        if (metadata["name"], metadata["uid"]) not in self._answering:
            self.early.append(f"{metadata['name']} at {self.timeline.now:.2f} s")


def _buyer(claim: Object) -> str | None:
    """Return the Workspace that a NodeClaim is for: its own label, or that of its NodePool."""
    labels = claim["metadata"]["labels"]
    return next((labels[label] for label in BUYER_LABELS if label in labels), None)


def _owner_of_pod(pod: Object) -> str:
    return str(pod["metadata"]["ownerReferences"][0]["uid"])


def _owner(found: Object) -> str:
    return next((one["uid"] for one in found["metadata"].get("ownerReferences", ())), "")


def _is_ready(found: Object) -> bool:
    conditions = (found.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
