"""A provisioner with a cloud of its own: the driver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from llmwright.errors import TargetError
from llmwright.plugins.drivers import Provisioner
from llmwright.values.instance_type import InstanceType, Price
from llmwright.values.nodes import (
    Failed,
    Finding,
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
    unreserved,
)

GIB = 2**30
OWNER = ("acme.example/namespace", "acme.example/workspace")
REASONS = {403: "AuthorizationFailed", 409: "InsufficientCapacity", 429: "QuotaExceeded"}


class Options(BaseModel):
    """``resource.provisionerConfig``."""

    model_config = ConfigDict(extra="forbid")

    zone: str = Field(default="a", description="where the machines are")


class Settings(BaseModel):
    """``plugins`` of the settings."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str = Field(default="https://acme.example", description="the cloud's address")
    token: str = Field(default="", description="the cloud's token")


class AcmeMachines(Provisioner):
    """Buys one machine for each node."""

    targets = frozenset({"kubernetes", "local"})
    config_model = Options
    settings_model = Settings

    def instance_types(self) -> tuple[InstanceType, ...]:
        """The one machine that Acme sells."""
        price = Price(usd_per_hour=3.6, source="acme.example/prices")
        return (
            InstanceType(
                name="acme-a100",
                cloud="acme",
                gpus=1,
                gpu_model="NVIDIA A100",
                gpu_memory_bytes=80 * GIB,
                cpus=24,
                memory_bytes=220 * GIB,
                price=price,
            ),
        )

    def refresh(self, scope: str) -> Sequence[Mapping[str, Any]]:
        """All machines of the account."""
        machines: Sequence[Mapping[str, Any]] = self._call("GET", "/machines")["machines"]
        return machines

    def examine(self, request: NodeRequest | None) -> Iterable[Finding]:
        """Whether the account answers, and how many machines it has."""
        held = len(self._call("GET", "/machines")["machines"])
        yield Finding(about="account", state="ok", message=f"it has {held} machines")

    def observe(self, request: NodeRequest, snapshot: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Those of this Workspace."""
        return [each for each in snapshot if _owner(each) == (request.namespace, request.workspace)]

    def decide(self, request: NodeRequest, observed: list[Mapping[str, Any]], now: datetime) -> ProvisionerDecision:
        """Buy what is missing, and give back what is too much or has failed."""
        failed = [each["name"] for each in observed if each["state"] == "failed"]
        alive = [each["name"] for each in observed if each["state"] != "failed"]
        kept = sorted(alive, key=lambda name: (name not in request.occupied, name))[: request.count]
        names = [f"{request.namespace}.{request.workspace}.{number}" for number in range(request.count + len(observed))]
        taken = {each["name"] for each in observed}
        new = [name for name in names if name not in taken][: request.count - len(kept)]
        gone = [name for name in alive if name not in kept]
        actions = [
            *(ProvisionerAction(verb="delete", name=name) for name in (*failed, *gone)),
            *(ProvisionerAction(verb="create", name=name, body=self._body(request)) for name in new),
        ]
        running = [each["name"] for each in observed if each["state"] == "running" and each["name"] in kept]
        return ProvisionerDecision(
            outcome=self._outcome(request, running, failed, actions),
            actions=tuple(actions),
            state={"seen": len(observed)},
        )

    def _outcome(
        self, request: NodeRequest, running: list[str], failed: list[str], actions: list[ProvisionerAction]
    ) -> Outcome:
        if failed:
            return Failed("transient", f"{', '.join(failed)} failed", "MachineFailed")
        if len(running) == request.count and not actions:
            return Ready(tuple(Node(name=name) for name in running))
        return Waiting("MachinesComing", f"{len(running)} of {request.count} machines run", again_in=15)

    def _body(self, request: NodeRequest) -> dict[str, Any]:
        own = dict(zip(OWNER, (request.namespace, request.workspace), strict=True))
        zone = request.config.get("zone", "a")
        return {"type": request.instance_type_name, "labels": {**unreserved(request.selector), **own}, "zone": zone}

    def act(self, action: ProvisionerAction) -> None:
        """Create or delete a machine."""
        if action.verb == "create":
            self._call("PUT", f"/machines/{action.name}", dict(action.body))
        else:
            self._call("DELETE", f"/machines/{action.name}", missing_is_fine=True)

    def placement(self, request: NodeRequest) -> Placement:
        """The machines of this Workspace."""
        own = dict(zip(OWNER, (request.namespace, request.workspace), strict=True))
        return Placement(selector={**request.selector, **own})

    def orphans(self, living: Sequence[LivingWorkspace], snapshot: Sequence[Mapping[str, Any]]) -> Iterable[Orphan]:
        """Machines whose owner is not there."""
        there = {(each.namespace, each.workspace) for each in living}
        for each in snapshot:
            if OWNER[0] in each["labels"] and _owner(each) not in there:
                yield Orphan(name=each["name"], actions=(ProvisionerAction(verb="delete", name=each["name"]),))

    def _call(self, method: str, path: str, body: Any = None, *, missing_is_fine: bool = False) -> Any:
        status, answer = self.context.cluster.request(method, path, body, self.context.settings.get("token", ""))
        if status == 404 and missing_is_fine:
            return {}
        if status >= 400:
            detail = answer.get("error", {}) if isinstance(answer, dict) else {}
            message = detail.get("message") if isinstance(detail, dict) else None
            raise TargetError(f"{method} {path}: {message or status}", reason=REASONS.get(status, "CloudUnreachable"))
        return answer


def _owner(machine: Mapping[str, Any]) -> tuple[Any, Any]:
    return machine["labels"].get(OWNER[0]), machine["labels"].get(OWNER[1])
