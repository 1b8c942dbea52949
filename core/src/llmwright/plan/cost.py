"""The cost of machines, and the limits of a company."""

from __future__ import annotations

from llmwright.api.scaling import autoscaling_of, most_copies_field
from llmwright.api.workspace import Workspace
from llmwright.errors import LimitExceeded
from llmwright.settings.model import Limits
from llmwright.values.copies import copies_of
from llmwright.values.instance_type import InstanceType
from llmwright.values.plan import Cost, ScaledTo, ScalingRange


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
    most = limits.most_usd_per_hour
    if most is None:
        return None
    cost = cost_of(machine, nodes)
    spent = cost.usd_per_hour if cost else 0.0
    if spent is None:
        limit = f"{most:g} USD per hour, the limit of namespace {namespace}"
        return f"the price of {machine.name} is unknown, which counts as over {limit}"
    if spent > most:
        return f"{spent:g} USD per hour are more than the {most:g} allowed in namespace {namespace}"
    return None


def enforce_limits(limits: Limits, machine: InstanceType, nodes: int, workspace: Workspace, each: int = 1) -> None:
    """Refuse what a limit forbids of so many machines, ``each`` for one copy of the server.

    Raises:
        LimitExceeded: naming the limit, and the field with the number of copies where fewer would do.
    """
    problem = limit_problem(limits, machine, nodes, workspace.namespace)
    if not problem:
        return
    hint = "choose another instance type, or ask whoever set `limits` in the settings"
    copies = copies_of(workspace).highest
    allowed = copies_within(limits, machine, each, copies, workspace.namespace)
    if copies > 1 and allowed:
        field = most_copies_field(workspace)
        raise LimitExceeded(f"{field}: {copies} copies: {problem}", hint=f"at most {allowed} fit; {hint}")
    raise LimitExceeded(problem, hint=hint)


def copies_within(limits: Limits, machine: InstanceType, each: int, copies: int, namespace: str) -> int:
    """Return how many of ``copies``, each on so many machines, are within the limits."""
    fitting = (fewer for fewer in range(copies, 0, -1) if not limit_problem(limits, machine, fewer * each, namespace))
    return next(fitting, 0)


def scaling_range(
    workspace: Workspace, machine: InstanceType, nodes: tuple[int, int], *, by_runtime: bool = False
) -> ScalingRange | None:
    """Return copies, nodes and price at both ends of the range; None where nothing scales the server.

    Args:
        nodes: the machines for the lowest and for the highest number of copies.
        by_runtime: the runtime moves its copies itself.
    """
    scaling = autoscaling_of(workspace)
    if scaling is None:
        return None
    least, most = nodes
    return ScalingRange(
        by="runtime" if by_runtime else scaling.by or "hpa",
        lowest=ScaledTo(copies=scaling.min_replicas, nodes=least, cost=cost_of(machine, least)),
        highest=ScaledTo(copies=scaling.max_replicas, nodes=most, cost=cost_of(machine, most)),
    )
