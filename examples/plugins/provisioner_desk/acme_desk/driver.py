"""The provisioner ``desk``: machines are rented at a desk, a small HTTP service outside the cluster."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from llmwright.errors import TargetError
from llmwright.plugins.drivers import Provisioner
from llmwright.values import nodes
from llmwright.values.instance_type import InstanceType, Price

GIB = 1024**3
PRICE = Price(usd_per_hour=0.9, source="the desk's own list")
OWNER = ("desk.acme.example/namespace", "desk.acme.example/workspace")
REASONS = {402: "QuotaExceeded", 403: "AuthorizationFailed", 422: "InvalidRequest", 503: "InsufficientCapacity"}
Machines = Mapping[str, Mapping[str, Any]]


class DeskSettings(BaseModel):
    """The desk's address, and the file that holds the token for it."""

    model_config = ConfigDict(extra="forbid")
    url: str = Field(default="http://127.0.0.1:8099", description="the desk's address")
    token_file: str = Field(default="", description="the file that holds the token for it")


class DeskProvisioner(Provisioner):
    """Rents machines by name, so that asking twice is asking once. All that it must know of one is at the desk."""

    targets = frozenset({"kubernetes", "local"})
    settings_model = DeskSettings

    def instance_types(self) -> tuple[InstanceType, ...]:
        machine = InstanceType(name="desk-a10", cloud="desk", cpus=8, memory_bytes=64 * GIB, price=PRICE)
        return (replace(machine, gpus=1, gpu_model="A10", gpu_memory_bytes=24 * GIB, compute_capability=(8, 6)),)

    def refresh(self, scope: str) -> Machines:
        return {machine["name"]: machine for machine in self._ask("GET", "/machines")}

    def observe(self, request: nodes.NodeRequest, snapshot: Machines) -> Machines:
        return {name: each for name, each in snapshot.items() if each["labels"].items() >= _owner(request).items()}

    def decide(self, request: nodes.NodeRequest, observed: Machines, now: datetime) -> nodes.ProvisionerDecision:
        digest = sha256(f"{request.namespace}/{request.workspace}".encode()).hexdigest()[:10]
        kept = sorted(request.occupied & observed.keys())
        names = [*dict.fromkeys((*kept, *(f"desk-{digest}-{n}" for n in range(request.count))))][: request.count]
        size = request.instance_type_name or "desk-a10"
        body = {"size": size, "labels": {**request.labels, **_owner(request)}}
        rent = [nodes.ProvisionerAction(verb="rent", name=name, body=body) for name in names if name not in observed]
        gone = [name for name, each in observed.items() if name not in names or each["state"] == "broken"]
        joined = {node.name for node in request.joined if node.ready}
        running = [n for n in names if n in observed and observed[n]["state"] == "running"]
        # On one machine there is nothing to join.
        ready = [n for n in running if n in joined or self.context.cluster is None]
        actions = (*rent, *(nodes.ProvisionerAction(verb="return", name=name) for name in gone))
        if len(ready) == len(names) and not actions:
            return nodes.ProvisionerDecision(outcome=nodes.Ready(tuple(nodes.Node(name=name) for name in names)))
        why = f"{len(ready)} of {len(names)} machines of the desk are ready, {len(gone)} are given back"
        return nodes.ProvisionerDecision(outcome=nodes.Waiting("MachinesComing", why, again_in=5), actions=actions)

    def act(self, action: nodes.ProvisionerAction) -> None:
        self._ask("PUT" if action.verb == "rent" else "DELETE", f"/machines/{action.name}", dict(action.body))

    def placement(self, request: nodes.NodeRequest) -> nodes.Placement:
        return nodes.Placement(selector=_owner(request))

    def orphans(self, living: Sequence[nodes.LivingWorkspace], snapshot: Machines) -> Iterable[nodes.Orphan]:
        names = (self.context.name, "")
        owners = [_owner(tenant) for tenant in living if tenant.provisioner in names]
        for name, each in snapshot.items():
            if OWNER[1] in each["labels"] and not any(each["labels"].items() >= owner.items() for owner in owners):
                yield nodes.Orphan(name=name, actions=(nodes.ProvisionerAction(verb="return", name=name),))

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        settings = DeskSettings.model_validate(self.context.settings)
        try:
            headers = {"Authorization": f"Bearer {Path(settings.token_file or os.devnull).read_text().strip()}"}
            data, url = json.dumps(body).encode(), settings.url + path
            request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - the settings' own address
            return json.load(urllib.request.urlopen(request, timeout=10))  # noqa: S310
        except urllib.error.HTTPError as error:
            wait, text = error.headers.get("Retry-After"), error.read(200).decode(errors="replace")
            pause_s = float(wait) if wait else None
            raise TargetError(f"the desk: {text}", reason=REASONS.get(error.code), retry_after_s=pause_s) from error
        except (OSError, ValueError) as error:
            raise TargetError(f"the desk: {method} {path}: {error}", reason="DeskUnreachable") from error


def _owner(of: nodes.NodeRequest | nodes.LivingWorkspace) -> dict[str, str]:
    return dict(zip(OWNER, (of.namespace, of.workspace), strict=True))
