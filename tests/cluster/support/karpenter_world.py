"""The provisioner ``karpenter`` against a real API server and Karpenter, pass after pass as an operator makes them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from tests.support.waiting import wait_until

from llmwright.plugins.drivers import Context
from llmwright.testing import make_instance_type
from llmwright.testing.cluster import Cluster
from llmwright.testing.snapshot import ObjectSnapshot
from llmwright.values.nodes import NodeRequest, Outcome, ProvisionerDecision
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner
from llmwright_provisioner_karpenter.karpenter_client import Configuration

KWOK = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"}
SKU = "Standard_NC4as_T4_v3"
KINDS = {("karpenter.sh", "nodeclaims"), ("karpenter.sh", "nodepools"), ("", "nodes")}


@dataclass
class KarpenterWorld:
    """One Workspace's nodes. ``seen`` holds every outcome that a pass had, without repetitions in a row."""

    plane: Cluster
    request: NodeRequest
    seen: list[Outcome] = field(default_factory=list)
    applied: list[str] = field(default_factory=list)
    ahead_s: float = 0.0

    def __post_init__(self) -> None:
        folder = self.plane.folder
        own = Configuration(
            host=self.plane.url,
            ssl_ca_cert=str(folder / "ca.crt"),
            cert_file=str(folder / "admin.crt"),
            key_file=str(folder / "admin.key"),
        )
        own.proxy = None
        self.driver = KarpenterProvisioner(Context(self.now, cluster=SimpleNamespace(configuration=own)))

    def now(self) -> datetime:
        """The present, or what a test makes of it by ``ahead_s``."""
        return datetime.fromtimestamp(time.time() + self.ahead_s, UTC)

    def ask(self, **changes: Any) -> None:
        """Another request for the same Workspace."""
        self.request = replace(self.request, **changes)

    def once(self) -> ProvisionerDecision:
        """One pass: observe, decide, act, remember."""
        observed = self.driver.observe(self.request, self.snapshot())
        decision = self.driver.decide(self.request, observed, self.now())
        for action in decision.actions:
            self.driver.act(action)
            self.applied += [action.name] if action.verb == "apply" else []
        self.ask(state=decision.state)
        if not self.seen or self.seen[-1] != decision.outcome:
            self.seen.append(decision.outcome)
        return decision

    def until(self, done: Callable[[Outcome], bool]) -> Outcome:
        """Make passes until ``done`` accepts an outcome, and return that."""
        try:
            wait_until(lambda: done(self.once().outcome), "the outcome that is waited for", every_s=0.3)
        except AssertionError as error:
            raise AssertionError(f"{error}; the outcomes were {self.seen}") from error
        return self.seen[-1]

    def owned(self, plural: str) -> list[Any]:
        """The NodeClaims or NodePools of this Workspace, as the API server gives them."""
        found = self.snapshot().objects("karpenter.sh", plural, self.request.namespace, self.request.workspace)
        return [*found]

    def snapshot(self) -> ObjectSnapshot:
        """What the API server holds now."""
        found = {kind: self.plane.fetch(f"{'/apis/' + kind[0] if kind[0] else '/api'}/v1/{kind[1]}") for kind in KINDS}
        everything = {kind: answer["items"] for kind, answer in found.items() if answer is not None}
        return ObjectSnapshot(self.driver.watches(), everything, frozenset(KINDS - everything.keys()))


def world_of(plane: Cluster, workspace: str, mode: str, **changes: Any) -> KarpenterWorld:
    """A Workspace of the namespace ``default`` that asks for one T4 by Karpenter's KWOK provider."""
    facts: dict[str, Any] = {
        "namespace": "default",
        "workspace": workspace,
        "count": 1,
        "selector": {"apps": "shared"},
        "instance_type": make_instance_type(name=SKU, cloud="azure", gpus=1),
        "instance_type_name": SKU,
        "config": {"mode": mode, "nodeClassRef": KWOK},
        "disk_bytes": 100 * 2**30,
    }
    return KarpenterWorld(plane, NodeRequest(**{**facts, **changes}))
