"""A provisioner for clouds that list machines, make one under a name, and give one back.

A subclass of ``MachineProvisioner`` calls its cloud in three methods. Decisions, nodes and orphans are here.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from llmwright.plugins.drivers import Provisioner
from llmwright.values.nodes import (
    Failed,
    LivingWorkspace,
    Node,
    NodeRequest,
    Orphan,
    Outcome,
    Placement,
    ProvisionerAction,
    ProvisionerDecision,
    Ready,
    Waiting,
)

__all__ = ["CloudMachine", "MachineProvisioner", "Order"]

_OURS = "llmwright-"
"""The first letters of every owner that is a Workspace. Others may have machines in the same account."""

_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudMachine:
    """A machine as the cloud lists it. ``node`` is the name of its node, where that is not ``name``.

    ``name`` and ``owner`` are those of the ``Order`` that it was made by. A machine of somebody else has another owner.
    """

    name: str
    owner: str
    state: Literal["creating", "running", "failed"]
    node: str = ""

    @property
    def node_name(self) -> str:
        """The name of its node."""
        return self.node or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A machine to make. Its node must carry ``labels``; ``config`` is ``resource.provisionerConfig`` as written."""

    name: str
    owner: str
    instance_type: str
    labels: Mapping[str, str]
    config: Mapping[str, Any] = field(default_factory=dict)


_Machines = tuple[CloudMachine, ...]


class MachineProvisioner(Provisioner):
    """Makes machines under names of its own. Names are numbered, so what is missing or too much can be read off.

    Nothing is remembered: machines are found again by their owner, so a crash at any line is repaired by the next pass.
    """

    owner_label: ClassVar[str]
    """The label of its nodes, such as ``acme.example/workspace``: its value tells the nodes of one Workspace."""

    @abstractmethod
    def machines(self) -> Iterable[CloudMachine]:
        """List all machines of the account, those of others too. Raises TargetError as ``refresh``."""

    @abstractmethod
    def create(self, order: Order) -> None:
        """Ask for a machine. One of that name that is there stays as it is. Raises TargetError as ``act``."""

    @abstractmethod
    def delete(self, machine: CloudMachine) -> None:
        """Give a machine back. Nothing happens where it is gone. Raises TargetError as ``act``."""

    def refresh(self, scope: str) -> Any:
        """List all machines, once for all Workspaces."""
        return tuple(self.machines())

    def observe(self, request: NodeRequest, snapshot: _Machines) -> _Machines:
        """Return the machines of this request."""
        return tuple(machine for machine in snapshot if machine.owner == _owner_of(request))

    def decide(self, request: NodeRequest, observed: _Machines, now: datetime) -> ProvisionerDecision:
        """Give back what failed or is too much, and make what is missing."""
        names = _wanted(request, observed)
        there = {machine.name for machine in observed}
        useless = [machine for machine in observed if machine.state == "failed" or machine.name not in names]
        # A machine that failed goes first. Its successor is asked for in a later pass, after the core's rest.
        gone = [_give_back(machine) for machine in useless]
        new = [self._make(request, name) for name in names if name not in there]
        return ProvisionerDecision(outcome=_outcome(names, observed), actions=(*gone, *new))

    def _make(self, request: NodeRequest, name: str) -> ProvisionerAction:
        order = Order(
            name=name,
            owner=_owner_of(request),
            instance_type=request.instance_type_name,
            labels={**request.labels, self.owner_label: _owner_of(request)},
            config=dict(request.config),
        )
        return ProvisionerAction(verb="create", name=name, body=asdict(order))

    def act(self, action: ProvisionerAction) -> Mapping[str, Any] | None:
        """Create or delete one machine; either can be done again."""
        if action.verb == "create":
            self.create(Order(**action.body))
        else:
            self.delete(CloudMachine(**action.body))
        return None

    def placement(self, request: NodeRequest) -> Placement:
        """Return the nodes of this Workspace alone."""
        return Placement(selector={self.owner_label: _owner_of(request)})

    def orphans(self, living: Sequence[LivingWorkspace], snapshot: _Machines) -> Iterable[Orphan]:
        """Return the machines of Workspaces that are gone, or whose nodes come from elsewhere."""
        served = [each for each in living if each.provisioner in ("", self.context.name)]
        owners = {_owner(each.namespace, each.workspace) for each in served}
        for machine in snapshot:
            if machine.owner.startswith(_OURS) and machine.owner not in owners:
                yield Orphan(name=machine.name, actions=(_give_back(machine),))


def _give_back(machine: CloudMachine) -> ProvisionerAction:
    return ProvisionerAction(verb="delete", name=machine.name, body=asdict(machine))


def _owner(namespace: str, workspace: str) -> str:
    """Return a label's value that is another one for each Workspace of each namespace, however long their names are."""
    return _OURS + hashlib.sha256(f"{namespace}/{workspace}".encode()).hexdigest()[:_DIGITS]


def _owner_of(request: NodeRequest) -> str:
    return _owner(request.namespace, request.workspace)


def _wanted(request: NodeRequest, observed: _Machines) -> list[str]:
    """Return the machines that ought to be there: those with pods first, then the lowest numbers."""
    occupied = [machine.name for machine in observed if machine.node_name in request.occupied]
    numbered = [f"{_owner_of(request)}-{number}" for number in range(request.count)]
    return list(dict.fromkeys((*occupied, *numbered)))[: request.count]


def _outcome(names: Sequence[str], observed: _Machines) -> Outcome:
    """Return Ready once exactly the wanted machines run."""
    failed = [machine.name for machine in observed if machine.state == "failed"]
    if failed:
        return Failed("transient", f"the cloud gave up on {', '.join(failed)}", "MachineFailed")
    running = {machine.name: machine.node_name for machine in observed if machine.state == "running"}
    if sorted(running) == sorted(names) and len(observed) == len(names):
        return Ready(tuple(Node(name=running[name]) for name in names))
    message = f"{len(names)} machines are asked for, {len(running)} of {len(observed)} that are there run"
    return Waiting("MachinesComing", message, again_in=10)
