"""The provisioner ``karpenter``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from importlib import import_module
from threading import Thread
from typing import Any, ClassVar

from llmwright.errors import InvalidWorkspace, Problem
from llmwright.plugins.drivers import AccessRule, Context, Provisioner
from llmwright.values.nodes import (
    Failed,
    Finding,
    LivingWorkspace,
    NodeRequest,
    Orphan,
    Placement,
    ProvisionerAction,
    ProvisionerDecision,
    Ready,
    Watch,
    unreserved,
)
from llmwright.values.plan import Target
from llmwright.values.same_place import SamePlace
from llmwright.values.snapshot import Snapshot
from llmwright_provisioner_karpenter.actions import (
    APPLY,
    DELETE_CLAIM,
    DELETE_POOL,
    LABEL_NODE,
    delete_claim,
    delete_pool,
)
from llmwright_provisioner_karpenter.attempts import recalled, state_of_wish
from llmwright_provisioner_karpenter.beforehand import findings
from llmwright_provisioner_karpenter.client import KarpenterClient, Key, connect, labels_of, ours
from llmwright_provisioner_karpenter.config import (
    NODE_CLASS,
    KarpenterOptions,
    KarpenterSettings,
    NodeOptions,
    node_options,
)
from llmwright_provisioner_karpenter.node_manifests import IMAGE_FAMILY, instance_type_name
from llmwright_provisioner_karpenter.node_names import (
    CLAIM,
    CLAIM_OWNER,
    CLAIMS,
    GROUP,
    MOST,
    NODE_POOL,
    POOL,
    POOL_OWNER,
    POOLS,
    VERSION,
    is_restricted,
    owner_labels,
)
from llmwright_provisioner_karpenter.nodeclaim_mode import decide_claims
from llmwright_provisioner_karpenter.nodepool_mode import decide_pool
from llmwright_provisioner_karpenter.owned_objects import OwnedObjects, observe
from llmwright_provisioner_karpenter.release import release

Item = Mapping[str, Any]


class KarpenterProvisioner(Provisioner):
    """Asks Karpenter's API for machines, and gives them back.

    ``Context.cluster`` needs the attribute ``configuration``, the official client's. No owner reference can lead from
    a NodeClaim, which has no namespace, to a Workspace: labels do, and the Workspace's finalizer.
    """

    targets: ClassVar[frozenset[Target]] = frozenset({"kubernetes"})
    default_rank = {"kubernetes": 100}
    has_node_classes = True
    fixed_annotations = frozenset({IMAGE_FAMILY, NODE_CLASS})
    node_claims = Watch(group=GROUP, version=VERSION, plural=CLAIMS)
    access_rules = (
        AccessRule(GROUP, (CLAIMS, POOLS), ("get", "list", "watch", "create", "patch", "delete", "update")),
        AccessRule("", ("nodes",), ("patch",)),  # nodes get the labels of the Workspace that they were made for
    )
    config_model = KarpenterOptions
    settings_model = KarpenterSettings

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        if context.cluster is not None:
            # Its import takes as long as a hundred requests, and would hold up the first machine.
            Thread(target=import_module, args=(f"{__package__}.karpenter_client",), daemon=True).start()

    def settled(self, request: NodeRequest) -> NodeRequest:
        """Mode, capacity type and node class, also where the settings or the cloud choose them.

        Raises:
            InvalidWorkspace: the nodes of a NodePool cannot have a label that is selected.
        """
        options = self._options(request)
        if options.mode == "nodepool" and (labels := [*filter(is_restricted, unreserved(request.selector))]):
            message = f"Karpenter refuses a NodePool with the label {labels[0]} for its nodes"
            hint = "leave it out of resource.labelSelector, or write mode: nodeclaim"
            raise InvalidWorkspace([Problem("mode", message, hint, reason="Unworkable")])
        chosen: dict[str, Any] = {"mode": options.mode, "capacityType": options.capacity_type}
        if options.node_class is not None:
            chosen["nodeClassRef"] = options.node_class.model_dump(by_alias=True)
        return replace(request, config=chosen)

    def watches(self) -> tuple[Watch, ...]:
        """NodeClaims and nodes under the labels of either mode, NodePools under those of theirs.

        Karpenter deletes a NodeClaim for which there is no capacity; only an Event tells why.
        """
        return (
            Watch(group=GROUP, version=VERSION, plural=CLAIMS, labels=CLAIM_OWNER, events_of=CLAIM),
            Watch(group=GROUP, version=VERSION, plural=CLAIMS, labels=POOL_OWNER, events_of=CLAIM),
            Watch(group=GROUP, version=VERSION, plural=POOLS, labels=POOL_OWNER, events_of=POOL),
            Watch(group="", version="v1", plural="nodes", labels=CLAIM_OWNER),
            Watch(group="", version="v1", plural="nodes", labels=POOL_OWNER),
        )

    def examine(self, request: NodeRequest | None) -> Iterable[Finding]:
        """Whether the cluster serves Karpenter's kinds, and has the node class."""
        if self.context.cluster is None:
            hint = "name one with --context or --kubeconfig"
            return (
                Finding(about="Karpenter", state="unchecked", message="no cluster is there to be asked", hint=hint),
            )
        asked = request or NodeRequest(namespace="", workspace="", count=1)
        place = getattr(self.context.cluster, "same_place", SamePlace())
        return tuple(findings(self._client, self._options(asked), place))

    def observe(self, request: NodeRequest, snapshot: Snapshot) -> OwnedObjects:
        """Read the objects with the Workspace's owner labels. Nodes that only match its selector belong to others."""
        return observe(request, snapshot)

    def decide(self, request: NodeRequest, observed: OwnedObjects, now: datetime) -> ProvisionerDecision:
        """By the mode that is configured, and kept while nodes are held."""
        if request.count == 0:
            return release(observed, recalled(request.state), now)
        options = self._options(request)
        problem = _problem(request, options, observed)
        if problem is not None:
            return ProvisionerDecision(outcome=problem, state=request.state)
        request = replace(request, state=state_of_wish(request.state, request.inputs))
        decided = (decide_pool if options.mode == "nodepool" else decide_claims)(request, options, observed, now)
        # The other mode's nodes last: until these here are ready, those may be the ones that answer.
        surplus = _of_the_other_mode(options, observed) if isinstance(decided.outcome, Ready) else ()
        wish = {"inputs": request.inputs} if request.inputs else {}
        state = {**decided.state, "mode": options.mode, **wish}
        return replace(decided, actions=(*decided.actions, *surplus), state=state, paced=True)

    def act(self, action: ProvisionerAction) -> None:
        """One request to the API server."""
        if action.verb == APPLY:
            self._client.apply(action.body)
        elif action.verb == DELETE_CLAIM:
            self._client.delete_claim(action.name, action.body["uid"])
        elif action.verb == DELETE_POOL:
            self._client.delete_pool(action.name, action.body["uid"])
        elif action.verb == LABEL_NODE:
            self._client.label_node(action.name, action.body["labels"])
        else:
            raise ValueError(f"no such verb: {action.verb}")

    def placement(self, request: NodeRequest) -> Placement:
        """The Workspace's own nodes only, so that two with one selector keep apart; the core tolerates their taint."""
        options = self._options(request)
        pair = POOL_OWNER if options.mode == "nodepool" else CLAIM_OWNER
        return Placement(selector=owner_labels(pair, request.namespace, request.workspace))

    def orphans(self, living: Sequence[LivingWorkspace], snapshot: Any) -> Iterable[Orphan]:
        """NodeClaims and NodePools that we applied and no plan needs, as ``kind/name``; with a NodePool its NodeClaims.

        A plan needs those of its own provisioner and mode. A Workspace without a plan may have asked for them just now.
        They are listed by a client: caches leave out who applied an object, and KAITO's own have the same labels.

        Raises:
            TargetError: the API server refused.
        """
        tenants = {(tenant.namespace, tenant.workspace): tenant for tenant in living}
        claims = self._client.claims()
        pools = [
            pool
            for pool in ours(self._client.pools(POOL_OWNER[1]))
            if self._is_orphan(pool, POOL_OWNER, "nodepool", tenants)
        ]
        lost = {pool["metadata"]["name"] for pool in pools}
        left = [claim for claim in ours(claims) if self._is_orphan(claim, CLAIM_OWNER, "nodeclaim", tenants)]
        left += [claim for claim in claims if labels_of(claim).get(NODE_POOL) in lost and claim not in left]
        return (*(_orphan("nodepool", DELETE_POOL, pool) for pool in pools),
                *(_orphan("nodeclaim", DELETE_CLAIM, claim) for claim in left))  # fmt: skip

    def _is_orphan(self, item: Item, pair: tuple[str, str], mode: str, living: Mapping[Key, LivingWorkspace]) -> bool:
        labels = labels_of(item)
        if pair[1] not in labels:
            return False
        tenant = living.get((labels.get(pair[0], ""), labels[pair[1]]))
        if tenant is None:
            return True
        elsewhere = bool(tenant.provisioner and self.context.name) and tenant.provisioner != self.context.name
        return elsewhere or tenant.options.get("mode", mode) != mode

    @cached_property
    def _settings(self) -> KarpenterSettings:
        return KarpenterSettings.model_validate(dict(self.context.settings))

    def _options(self, request: NodeRequest) -> NodeOptions:
        return node_options(request, self.configure(request.config, {}), self._settings)

    @cached_property
    def _client(self) -> KarpenterClient:
        return connect(self.context.cluster)


def _orphan(kind: str, verb: str, item: Item) -> Orphan:
    metadata, labels = item["metadata"], labels_of(item)
    pair = CLAIM_OWNER if CLAIM_OWNER[1] in labels else POOL_OWNER
    namespace, workspace = (labels.get(label, "") for label in pair)
    act = ProvisionerAction(verb=verb, name=metadata["name"], body={"uid": metadata.get("uid", "")})
    return Orphan(name=f"{kind}/{metadata['name']}", actions=(act,), namespace=namespace, workspace=workspace)


def _of_the_other_mode(options: NodeOptions, observed: OwnedObjects) -> tuple[ProvisionerAction, ...]:
    """Return the deletions of what an earlier plan, whose record was lost, asked for in the other mode."""
    if options.mode == "nodepool":
        return tuple(delete_claim(claim) for claim in observed.claims if not claim.deleting)
    pool = observed.pool
    return (delete_pool(pool),) if pool is not None and not pool.deleting else ()


def _problem(request: NodeRequest, options: NodeOptions, observed: OwnedObjects) -> Failed | None:
    """Return the failure that no waiting repairs, None without one."""
    kinds = {"nodepool": (POOLS, observed.pools_served), "nodeclaim": (CLAIMS, observed.served)}
    plural, served = kinds[options.mode]
    if not served:
        message = f"the cluster does not serve {plural}.{GROUP}: install Karpenter's CRDs, or use another provisioner"
        return Failed("invalid", message, "KarpenterMissing")
    if not instance_type_name(request):
        return Failed("invalid", "resource.instanceType must name a machine for Karpenter to make", "NoInstanceType")
    if request.partition:
        return Failed("invalid", "resource.partition needs nodes of your own: resource.provisioner: byo", "NoPartition")
    if options.node_class is None:
        setting = "plugins.provisioner.karpenter.nodeClassRef in the settings"
        where = f"{setting}, or provisionerConfig.nodeClassRef in a new Workspace"
        message = f"no default node class for the cloud {options.cloud!r}: set {where}"
        return Failed("invalid", message, "NoNodeClass")
    if max(len(request.workspace), len(request.namespace)) > MOST:
        return Failed(
            "invalid", f"the name {request.workspace} is longer than a label's {MOST} characters", "NameTooLong"
        )
    return None
