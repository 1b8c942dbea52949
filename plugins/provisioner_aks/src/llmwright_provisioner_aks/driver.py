"""The provisioner ``aks``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from llmwright.errors import InvalidWorkspace
from llmwright.plugins.drivers import Provisioner
from llmwright.values.nodes import (
    Failed,
    Finding,
    LivingWorkspace,
    NodeRequest,
    Orphan,
    Placement,
    ProvisionerAction,
    ProvisionerDecision,
    Watch,
)
from llmwright.values.plan import Target
from llmwright_provisioner_aks.actions import delete, wish_of
from llmwright_provisioner_aks.decisions import decide_pools
from llmwright_provisioner_aks.options import AksOptions, AksSettings
from llmwright_provisioner_aks.pool_body import IMAGE_FAMILY, SPOT_TAINT, instance_type_name, problems_of
from llmwright_provisioner_aks.pool_names import OWNER, owner_labels
from llmwright_provisioner_aks.seen_pools import OwnPools, SeenCluster, own_pools

if TYPE_CHECKING:
    from llmwright_provisioner_aks.cloud.azure import Azure


class AksProvisioner(Provisioner):
    """Has one agent pool of the user's AKS cluster made for each Workspace, and gives it back.

    One pool of N nodes, and not N of one: it is made and deleted by one call each, counts once of the cluster's
    hundred, and AKS runs no two operations at once where they meet. The node that goes is chosen by name all the same.
    """

    targets: ClassVar[frozenset[Target]] = frozenset({"kubernetes"})
    fixed_annotations = frozenset({IMAGE_FAMILY})
    mutable_options = frozenset({"minNodes", "maxNodes"})
    config_model = AksOptions
    settings_model = AksSettings

    def settled(self, request: NodeRequest) -> NodeRequest:
        """All options with their defaults.

        Raises:
            InvalidWorkspace: AKS would refuse them for this machine, this number of nodes or these labels.
        """
        options = self._options(request)
        if problems := problems_of(request, options):
            raise InvalidWorkspace(problems)
        return replace(request, config=options.model_dump(by_alias=True, exclude_none=True, mode="json"))

    def watches(self) -> tuple[Watch, ...]:
        """Nodes under our labels: that one joins is seen at once, and no list of pools has to tell it."""
        return (Watch(group="", version="v1", plural="nodes", labels=OWNER),)

    def refresh(self, scope: str) -> SeenCluster:
        """One list for all Workspaces; none where what is known is young enough."""
        return self._azure.refresh()

    def examine(self, request: NodeRequest | None) -> Iterable[Finding]:
        """Whether cluster, size, zones and quotas are there; the roles show where one is missing."""
        asked = request is not None and request.count and instance_type_name(request)
        wish = wish_of(request, self._options(request)) if request is not None and asked else None
        return tuple(self._azure.examine(wish, self._settings.max_pools))

    def observe(self, request: NodeRequest, snapshot: SeenCluster) -> OwnPools:
        """The pools with the Workspace's tags, and the nodes that joined from them."""
        observed = own_pools(request, snapshot)
        if any(not pool.busy and len(observed.nodes_of(pool)) != pool.count for pool in observed.pools):
            # Nodes left: the pool may have been deleted or scaled by somebody else.
            self._azure.hurry()
        going = {pool.name: len(observed.nodes_of(pool)) for pool in observed.pools if pool.deleting}
        return replace(observed, emptied=self._azure.emptied(going))

    def decide(self, request: NodeRequest, observed: OwnPools, now: datetime) -> ProvisionerDecision:
        """By the pools and nodes that are there; the state only says what was tried before."""
        if request.count and not instance_type_name(request):
            message = "resource.instanceType must name a size of Azure's"
            return ProvisionerDecision(outcome=Failed("invalid", message, "NoInstanceType"), state=request.state)
        return decide_pools(request, self._options(request), observed, self._settings.max_pools, now)

    def act(self, action: ProvisionerAction) -> Mapping[str, Any] | None:
        """One request that changes something, after those that it needs to know; never waits for Azure's operation."""
        return self._azure.act(action)

    def placement(self, request: NodeRequest) -> Placement:
        """The Workspace's own nodes only; on spot nodes AKS puts a taint of its own."""
        spot = self._options(request).capacity_type == "spot"
        return Placement(
            selector=owner_labels(request.namespace, request.workspace), tolerations=(SPOT_TAINT,) if spot else ()
        )

    def orphans(self, living: Sequence[LivingWorkspace], snapshot: SeenCluster) -> Iterable[Orphan]:
        """Pools with our tags that no Workspace needs, as ``agentpool/name``."""
        names = (self.context.name, "") if self.context.name else None
        tenants = {(each.namespace, each.workspace) for each in living if names is None or each.provisioner in names}
        for pool in snapshot.pools:
            if pool.owner is not None and pool.owner not in tenants and not pool.deleting:
                namespace, workspace = pool.owner
                name = f"agentpool/{pool.name}"
                yield Orphan(name=name, actions=(delete(pool),), namespace=namespace, workspace=workspace)

    def _options(self, request: NodeRequest) -> AksOptions:
        options: AksOptions = self.configure(request.config, {})
        return options

    @cached_property
    def _settings(self) -> AksSettings:
        return AksSettings.model_validate(dict(self.context.settings))

    @cached_property
    def _azure(self) -> Azure:
        # Not before the first call: azure's import takes longer than the rest of the plan.
        from llmwright_provisioner_aks.cloud.azure import Azure

        return Azure(self._settings, self.context.clock)
