"""Findings for people: what Azure would say of a pool, without asking for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from llmwright.errors import TargetError
from llmwright.values.nodes import FailureKind, Finding
from llmwright_provisioner_aks.cloud.compute import Compute
from llmwright_provisioner_aks.cloud.connection import ClusterName
from llmwright_provisioner_aks.offers import (
    Offer,
    Wish,
    families_of,
    figures_text,
    offer_refusal,
    quota_refusal,
)
from llmwright_provisioner_aks.refusals import REASONS
from llmwright_provisioner_aks.seen_pools import SeenCluster

KINDS: dict[str, FailureKind] = {reason: kind for kind, reason in REASONS.items()}


def of_cluster(cluster: ClusterName, pools: SeenCluster, most: int) -> Iterator[Finding]:
    """Yield findings about the cluster: that it takes writes, and whether it may have one more pool."""
    yield _of_state(cluster)
    count = len(pools.pools)
    figures = f"{count} of at most {most}"
    if count < most:
        yield Finding(about="agent pools", state="ok", message=figures)
    else:
        hint = "delete pools that nobody needs, or use a second cluster"
        yield Finding(about="agent pools", state="problem", message=figures, hint=hint, kind="transient")


def _of_state(cluster: ClusterName) -> Finding:
    about, where = "AKS cluster", f"{cluster.name} in {cluster.group}, {cluster.location}"
    if cluster.power == "Stopped":
        hint = f"start it: az aks start --resource-group {cluster.group} --name {cluster.name}"
        return Finding(about=about, state="problem", message=f"{where} is stopped", hint=hint, kind="transient")
    if cluster.busy:
        message = f"{where} is {cluster.provisioning}: it takes no other operation meanwhile"
        hint = "wait until it is over; pools that are asked for wait by themselves"
        return Finding(about=about, state="problem", message=message, hint=hint, kind="transient")
    return Finding(about=about, state="ok", message=where)


def of_wish(wish: Wish, compute: Compute) -> Iterator[Finding]:
    """Yield findings about the nodes: whether their size is offered, and whether each quota has room.

    Raises:
        TargetError: Compute refused.
    """
    offer = compute.offer(wish.size)
    about = f"{wish.size} in {wish.location}"
    refusal = offer_refusal(wish, offer)
    if refusal is not None or offer is None:
        message, hint = (refusal.message, refusal.hint) if refusal else ("it is not offered", "")
        yield Finding(about=about, state="problem", message=message, hint=hint, kind=refusal.kind if refusal else None)
        return
    zones = ", ".join(sorted(offer.zones - offer.restricted_zones)) or "none"
    yield Finding(about=about, state="ok", message=f"it is offered; zones: {zones}")
    yield from _of_quotas(wish, offer, compute)


def _of_quotas(wish: Wish, offer: Offer, compute: Compute) -> Iterator[Finding]:
    for usage in compute.usages():
        if usage.family.lower() not in {family.lower() for family in families_of(wish, offer)}:
            continue
        refusal = quota_refusal(wish, offer, [usage])
        text = figures_text(wish, usage, offer.cores * wish.count)
        about = f"quota {usage.family} in {wish.location}"
        if refusal is None:
            yield Finding(about=about, state="ok", message=text)
        else:
            yield Finding(about=about, state="problem", message=text, hint=refusal.hint, kind="quota")


def guarded(about: str, findings: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """Yield findings, and a refusal of Azure's as one more."""
    try:
        yield from findings()
    except TargetError as error:
        yield Finding(
            about=about, state="problem", message=error.message, hint=error.hint,
            kind=KINDS.get(error.reason, "transient"),
        )  # fmt: skip
