"""Provisioners of third parties, as their authors would write them: one with a cloud, one with objects of a kind.

``acme`` is the fake of ``llmwright.testing`` with a cloud that is slow, refuses and loses answers. ``racks`` applies
objects that somebody's controller makes machines of; it remembers nothing, and trusts what it is shown.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict
from tests.simulation.network import Faults

from llmwright.errors import TargetError
from llmwright.plugins.drivers import Provisioner
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_resources import Resource
from llmwright.testing.fakes import FakeCloud, FakeProvisioner
from llmwright.testing.simulation.storage import Object
from llmwright.testing.simulation.timeline import Timeline
from llmwright.values.nodes import Node, NodeRequest, ProvisionerAction, ProvisionerDecision, Ready, Waiting, Watch
from llmwright.values.plan import Target
from llmwright.values.snapshot import Snapshot

CLUSTERS: frozenset[Target] = frozenset({"kubernetes"})
RACKS = Resource("acme.example", "v1", "racks", namespaced=False)
OWNER = ("acme.example/namespace", "acme.example/workspace")

ENTRY_POINTS = """[llmwright.provisioners.v1]
acme = tests.simulation.third_party:AcmeProvisioner
racks = tests.simulation.third_party:RackProvisioner
"""


_INSTALLED: list[str] = []


def install() -> None:
    """Let this process find the two as distributions that pip installed, until ``remove``."""
    if _INSTALLED:
        return
    about = Path(tempfile.mkdtemp(prefix="simulation-")) / "acme_machines-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-machines\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    _INSTALLED.append(str(about.parent))
    sys.path.append(_INSTALLED[0])


def remove() -> None:
    """Let this process find them no more."""
    while _INSTALLED:
        sys.path.remove(_INSTALLED.pop())


@dataclass
class AcmeCloud(FakeCloud):
    """A cloud with the network's faults. ``calls`` are the moments of its requests.

    It refuses machines of a type in ``sold_out``; ``types`` has the type of each that was asked for.
    """

    timeline: Timeline = field(default_factory=lambda: Timeline(0))
    faults: Faults = field(default_factory=Faults)
    calls: list[tuple[float, str, str]] = field(default_factory=list)
    sold_out: set[str] = field(default_factory=set)
    types: dict[str, str] = field(default_factory=dict)
    woken: Callable[[], None] = lambda: None
    """Called with the first request: until then nobody looks after its machines."""

    def call(self, what: str, work: Callable[[], Any]) -> Any:
        """Do one request, or raise TargetError before or after it."""
        random = self.timeline.random
        self.woken()
        self.calls.append((self.timeline.now, what, "cloud"))
        slow = random.random() < self.faults.slow
        self.timeline.pause(random.uniform(0.0, self.faults.slow_s if slow else 0.5))
        if random.random() < self.faults.refused:
            raise TargetError(f"{what}: the cloud is busy", reason="CloudBusy")
        answer = work()
        self.timeline.pause(random.uniform(0.0, 0.5))
        if random.random() < self.faults.lost:
            raise TargetError(f"{what}: the connection broke", reason="CloudUnreachable")
        return answer


class AcmeProvisioner(FakeProvisioner):
    """The fake of ``llmwright.testing``, over a network."""

    targets: ClassVar[frozenset[Target]] = CLUSTERS

    def refresh(self, scope: str) -> Mapping[str, int]:
        cloud: AcmeCloud = self.context.cluster
        listed: Mapping[str, int] = cloud.call("list machines", cloud.snapshot)
        return listed

    def act(self, action: ProvisionerAction) -> None:
        cloud: AcmeCloud = self.context.cluster
        cloud.call(f"{action.verb} {action.name}", lambda: self._act(action, cloud))

    def _act(self, action: ProvisionerAction, cloud: AcmeCloud) -> None:
        machine = str(action.body.get("type", ""))
        if machine in cloud.sold_out:
            raise TargetError(f"{action.name}: no {machine} is left", reason="InsufficientCapacity")
        FakeProvisioner.act(self, action)
        if action.verb == "create":
            cloud.types[action.name] = machine


class RackOptions(BaseModel):
    """``resource.provisionerConfig`` of ``racks``: where they stand, and how much power they get."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    row: str = "1"
    power: Literal["low", "high"] = "low"


class RackProvisioner(Provisioner):
    """One object for each machine, by a name that says which. Power can be turned up and down as they run."""

    targets: ClassVar[frozenset[Target]] = CLUSTERS
    config_model = RackOptions
    mutable_options = frozenset({"power"})

    def settled(self, request: NodeRequest) -> NodeRequest:
        options: RackOptions = self.configure(request.config, {})
        return replace(request, config=options.model_dump())

    def watches(self) -> tuple[Watch, ...]:
        return (Watch(group=RACKS.group, version=RACKS.version, plural=RACKS.plural, labels=OWNER),)

    def observe(self, request: NodeRequest, snapshot: Snapshot) -> Sequence[Object]:
        return [dict(each) for each in snapshot.objects(*WHERE, request.namespace, request.workspace)]

    def decide(self, request: NodeRequest, observed: Sequence[Object], now: datetime) -> ProvisionerDecision:
        live = {rack["metadata"]["name"]: rack for rack in observed}
        names = [f"{request.namespace}-{request.workspace}-{number}" for number in range(request.count)]
        power = request.config.get("power")
        due = [name for name in names if name not in live or live[name]["spec"].get("power") != power]
        actions = [ProvisionerAction(verb="apply", name=name, body=_rack(request, name)) for name in due]
        actions += [
            ProvisionerAction(verb="delete", name=name, body={"uid": rack["metadata"]["uid"]})
            for name, rack in live.items()
            if name not in names and "deletionTimestamp" not in rack["metadata"]
        ]
        nodes = [str((rack.get("status") or {}).get("node", "")) for rack in live.values()]
        if sorted(live) == sorted(names) and all(nodes) and not actions:
            return ProvisionerDecision(outcome=Ready(tuple(Node(name=name) for name in nodes)))
        return ProvisionerDecision(
            outcome=Waiting("RacksComing", f"{len(live)} racks of {len(names)}"), actions=tuple(actions)
        )

    def act(self, action: ProvisionerAction) -> None:
        api: Api = self.context.cluster
        if action.verb == "apply":
            api.apply(RACKS, action.body)
        else:
            api.delete(RACKS, None, action.name, action.body["uid"])


WHERE = (RACKS.group, RACKS.plural)


def _rack(request: NodeRequest, name: str) -> Object:
    labels = dict(zip(OWNER, (request.namespace, request.workspace), strict=True))
    spec = {"labels": dict(request.selector), **request.config}
    return {"apiVersion": RACKS.api_version, "kind": "Rack", "metadata": {"name": name, "labels": labels}, "spec": spec}
