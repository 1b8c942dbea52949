"""The driver: it observes, decides and acts. Only ``refresh`` and ``act`` call the cloud."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

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
from llmwright_provisioner_acme.cloud import Cloud, Machine

OWNER = "acme.example/workspace"
"""The label of our nodes. The cloud puts it on each machine's node."""
OURS = "llmwright-"
"""The first letters of every owner that is a Workspace. Others may have machines in the same account."""
Machines = tuple[Machine, ...]


class Settings(BaseModel):
    """``plugins.provisioner.acme`` in the settings."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str = Field(default="http://127.0.0.1:8080", description="address of the cloud's API")


class AcmeProvisioner(Provisioner):
    """Makes machines of the acme cloud, and gives them back."""

    targets = frozenset({"kubernetes"})
    settings_model = Settings

    def refresh(self, scope: str) -> Machines:
        """List all machines, once for all Workspaces."""
        return self._cloud.machines()

    def observe(self, request: NodeRequest, snapshot: Machines) -> Machines:
        """Return the machines of this request."""
        return tuple(machine for machine in snapshot if machine.owner == owner_of(request))

    def decide(self, request: NodeRequest, observed: Machines, now: datetime) -> ProvisionerDecision:
        """Names are numbered, so what is missing and what is too much can be read off."""
        names = wanted_names(request, observed)
        there = [machine.name for machine in observed]
        useless = [machine.name for machine in observed if machine.state == "failed" or machine.name not in names]
        # A machine that failed goes first. Its successor is asked for in a later pass, after the core's rest.
        gone = [ProvisionerAction(verb="delete", name=name) for name in useless]
        new = [self._create(request, name) for name in names if name not in there]
        return ProvisionerDecision(outcome=outcome(names, observed), actions=(*gone, *new))

    def _create(self, request: NodeRequest, name: str) -> ProvisionerAction:
        labels = {**request.labels, OWNER: owner_of(request)}
        body = {"owner": owner_of(request), "type": request.instance_type_name, "labels": labels}
        return ProvisionerAction(verb="create", name=name, body=body)

    def act(self, action: ProvisionerAction) -> None:
        """Create or delete one machine; either can be done again."""
        if action.verb == "delete":
            self._cloud.delete(action.name)
        else:
            self._cloud.create(action.name, action.body["owner"], action.body["type"], dict(action.body["labels"]))

    def placement(self, request: NodeRequest) -> Placement:
        """The nodes of this Workspace alone."""
        return Placement(selector={OWNER: owner_of(request)})

    def orphans(self, living: Sequence[LivingWorkspace], snapshot: Machines) -> Iterable[Orphan]:
        """Machines of a Workspace that is gone, or whose nodes come from elsewhere."""
        owners = {
            owner(each.namespace, each.workspace) for each in living if each.provisioner in ("", self.context.name)
        }
        for machine in snapshot:
            if machine.owner.startswith(OURS) and machine.owner not in owners:
                yield Orphan(name=machine.name, actions=(ProvisionerAction(verb="delete", name=machine.name),))

    @property
    def _cloud(self) -> Cloud:
        return Cloud(Settings.model_validate(self.context.settings).endpoint)


def owner(namespace: str, workspace: str) -> str:
    """Return a label's value that is another one for each Workspace of each namespace, however long their names are."""
    return OURS + hashlib.sha256(f"{namespace}/{workspace}".encode()).hexdigest()[:16]


def owner_of(request: NodeRequest) -> str:
    """Return the owner's label for the machines of ``request``."""
    return owner(request.namespace, request.workspace)


def wanted_names(request: NodeRequest, observed: Machines) -> list[str]:
    """Return the machines that ought to be there: those with pods first, then the lowest numbers."""
    occupied = [machine.name for machine in observed if machine.name in request.occupied]
    numbered = [f"{owner_of(request)}-{number}" for number in range(request.count)]
    return list(dict.fromkeys((*occupied, *numbered)))[: request.count]


def outcome(names: list[str], observed: Machines) -> Outcome:
    """Return Ready once exactly the wanted machines run."""
    failed = [machine.name for machine in observed if machine.state == "failed"]
    if failed:
        return Failed("transient", f"the cloud gave up on {', '.join(failed)}", "MachineFailed")
    running = [machine.name for machine in observed if machine.state == "running"]
    if sorted(running) == sorted(names) and len(observed) == len(names):
        return Ready(tuple(Node(name=name) for name in names))
    message = f"{len(names)} machines are asked for, {len(running)} of {len(observed)} that are there run"
    return Waiting("MachinesComing", message, again_in=10)
