"""The cost of machines, and the limits of a company."""

from __future__ import annotations

from llmwright.errors import LimitExceeded
from llmwright.settings.model import Limits
from llmwright.values.instance_type import InstanceType
from llmwright.values.plan import Cost


def cost_of(machine: InstanceType, nodes: int) -> Cost | None:
    """The price of all nodes; None for this machine, which costs nothing more."""
    if machine.cloud == "local":
        return None
    if machine.is_a_node:
        return Cost(usd_per_hour=None, note="the nodes are there already, and their labels tell no price")
    if machine.price is None:
        return Cost(usd_per_hour=None, note=f"no price is known for {machine.name}")
    price = machine.price
    day = f", as of {price.as_of.isoformat()}" if price.as_of else ", undated" if "undated" not in price.source else ""
    region = f" in {price.region}" if price.region else ""
    note = f"{nodes} x {price.usd_per_hour:g} USD/hour{region}{day}, {price.source}"
    return Cost(usd_per_hour=round(price.usd_per_hour * nodes, 6), note=note)


def limit_problem(limits: Limits, machine: InstanceType, nodes: int, namespace: str) -> str | None:
    """Which limit of ``namespace`` is exceeded, None where none is. An unknown price counts as over any limit."""
    if machine.cloud == "local":
        return None
    if not limits.allows_type(machine.name):
        return f"instance type {machine.name} is not allowed in namespace {namespace}"
    if limits.nodes is not None and nodes > limits.nodes:
        return f"{nodes} nodes are more than the {limits.nodes} allowed in namespace {namespace}"
    most = [limit for limit in (limits.usd_per_hour, limits.total_usd_per_hour) if limit is not None]
    if not most:
        return None
    cost = cost_of(machine, nodes)
    spent = cost.usd_per_hour if cost else 0.0
    if spent is None:
        return f"the price of {machine.name} is unknown, which counts as over {min(most):g} USD per hour"
    if spent > min(most):
        return f"{spent:g} USD per hour are more than the {min(most):g} allowed in namespace {namespace}"
    return None


def enforce_limits(limits: Limits, machine: InstanceType, nodes: int, namespace: str) -> None:
    """Refuse what a limit forbids.

    Raises:
        LimitExceeded: naming the limit.
    """
    problem = limit_problem(limits, machine, nodes, namespace)
    if problem:
        raise LimitExceeded(problem, hint="choose another instance type, or ask whoever set `limits` in the settings")
