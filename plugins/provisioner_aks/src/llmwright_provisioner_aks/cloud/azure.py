"""The cluster's agent pools and Compute's offers behind one connection: what the driver calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from llmwright.values.nodes import Finding, ProvisionerAction
from llmwright_provisioner_aks.actions import ASK, CREATE, DELETE, LOOK, REPAIR, RESIZE, SHRINK
from llmwright_provisioner_aks.cloud.agent_pools import AgentPools
from llmwright_provisioner_aks.cloud.azure_errors import target_error
from llmwright_provisioner_aks.cloud.compute import Compute
from llmwright_provisioner_aks.cloud.connection import Connection
from llmwright_provisioner_aks.cloud.examination import guarded, of_cluster, of_wish
from llmwright_provisioner_aks.offers import Wish, families_of, offer_refusal, quota_refusal
from llmwright_provisioner_aks.options import AksSettings
from llmwright_provisioner_aks.seen_pools import SeenCluster


class Azure:
    """Azure as the driver sees it. ``client`` are arguments of the connection, for another transport."""

    def __init__(self, settings: AksSettings, clock: Callable[[], datetime], **client: Any) -> None:
        self.connection = Connection(settings, **client)
        self.compute = Compute(self.connection, clock)
        self.pools = AgentPools(self.connection, clock)

    def refresh(self) -> SeenCluster:
        """Return the agent pools of the cluster.

        Raises:
            TargetError: Azure refused.
        """
        return self.pools.refresh()

    def examine(self, pool: Mapping[str, Any] | None, most: int) -> Iterator[Finding]:
        """Yield findings about the cluster, and about the nodes of ``pool``, the body of a ``CREATE``."""
        connection = self.connection
        about = "AKS cluster"
        yield from guarded(about, lambda: of_cluster(connection.cluster(), self.pools.refresh(), most))
        # Without the cluster, its region is not known either: that is told once.
        if pool is not None and connection.is_located:
            yield from guarded("machines", lambda: of_wish(self._wish(pool), self.compute))

    def hurry(self) -> None:
        """Have a refresh ask Azure sooner: something of what is known may have changed."""
        self.pools.hurry()

    def emptied(self, going: Mapping[str, int]) -> frozenset[str]:
        """Return which of the pools that are being deleted have lost their last node since they were listed."""
        return self.pools.emptied(going)

    def act(self, action: ProvisionerAction) -> Mapping[str, Any]:
        """Carry out one action.

        Raises:
            TargetError: Azure refused.
            ValueError: no such verb.
        """
        name, body, pools = action.name, action.body, self.pools
        if action.verb == CREATE:
            return self._create(name, body)
        if action.verb == RESIZE:
            bounds = tuple(body["bounds"])
            return pools.resize(name, body["count"], (bounds[0], bounds[1]) if bounds else None)
        if action.verb == SHRINK:
            return pools.shrink(name, body["count"], body["kept"])
        if action.verb == REPAIR:
            return pools.repair(name, body["count"], body["kept"])
        if action.verb == DELETE:
            return pools.delete(name)
        if action.verb == LOOK:
            return pools.look(name.split(","))
        if action.verb == ASK:
            return pools.ask(name, body["operation"])
        raise ValueError(f"no such verb: {action.verb}")

    def _create(self, name: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Create a pool, after a look at what is offered and what the quotas have room for."""
        wish = self._wish(body)
        offer = self.compute.offer(wish.size)
        refusal = offer_refusal(wish, offer)
        if refusal is None and offer is not None:
            refusal = quota_refusal(wish, offer, self.compute.usages())
        if refusal is not None:
            self.pools.refuse(name)
            raise target_error(f"agent pool {name}", refusal)
        learned = self.pools.create(name, body["pool"])
        if offer is not None:
            self.compute.count_in(families_of(wish, offer), offer.cores * wish.count)
        return learned

    def _wish(self, body: Mapping[str, Any]) -> Wish:
        cluster, properties = self.connection.cluster(), body["pool"]["properties"]
        return Wish(
            size=properties["vmSize"],
            count=properties["count"],
            location=cluster.location,
            zones=tuple(properties.get("availabilityZones") or ()),
            spot=properties.get("scaleSetPriority") == "Spot",
            subscription=cluster.subscription,
            successor=body.get("successor"),
        )
