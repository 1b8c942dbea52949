"""A Plan as a person reads it in ten seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmwright.cli.show.console import styled
from llmwright.cli.show.output import size

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from llmwright.values.fit import Fit
    from llmwright.values.instance_type import InstanceType
    from llmwright.values.plan import MachineOption, MachineRanking, Plan, ScalingRange

BAR_WIDTH = 20
SIZE_WIDTH = 9
OPTIONS_SHOWN = 4
REASONS_SHOWN = 3
COLORS = ("cyan", "green", "yellow", "magenta", "blue", "red")


def show_plan(plan: Plan, console: Console) -> None:
    """Print what was decided and why, the memory, what will be created, and warnings."""
    console.print(
        styled((f"Plan for {plan.namespace}/{plan.workspace}", "bold"), f": {_purpose(plan)} on {plan.target}")
    )
    console.print(_decisions(plan))
    if plan.ranking:
        console.print(_ranking(plan.ranking))
    for role, fit in plan.fits:
        console.print(_memory(role, fit))
    if plan.creates:
        console.print("will create, in this order:")
        for number, line in enumerate(plan.creates, 1):
            console.print(f"  {number}. {line}", soft_wrap=True, highlight=False)
    for line in plan.notes:
        console.print(f"note: {line}", style="dim", soft_wrap=True, highlight=False)
    for line in plan.warnings:
        console.print(f"warning: {line}", style="yellow", soft_wrap=True, highlight=False)


def _purpose(plan: Plan) -> str:
    if plan.tuning and plan.serving:
        return f"tune {plan.preset}, then serve it with its adapter"
    if not plan.preset:
        return "run the pod template"
    return f"tune {plan.preset}" if plan.tuning else f"serve {plan.preset}"


def _decisions(plan: Plan) -> Table:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    for label, choice in (
        ("machine", plan.instance_type),
        ("provisioner", plan.provisioner),
        ("tuner", plan.tuner),
        ("runtime", plan.runtime),
    ):
        if choice:
            facts = _machine(plan.nodes.instance_type) if label == "machine" else ""
            grid.add_row(f"  {label}", styled((choice.name, "bold")), styled(facts, (choice.why, "dim")))
    for role, fit in plan.fits:
        grid.add_row(f"  {role}", *_arrangement(fit))
    grid.add_row("  cost", *_cost(plan))
    if plan.scaling:
        grid.add_row("  copies", *_copies(plan.scaling, plan))
    return grid


def _arrangement(fit: Fit) -> tuple[str, str]:
    """How many machines and GPUs, how they share the model, and the context that fits."""
    machines = f"{fit.nodes} x {fit.gpus} GPU{'s' * (fit.gpus != 1)}" if fit.gpus else "on the processor"
    shares = {"tensor": fit.tensor_parallel, "pipeline": fit.pipeline_parallel, "data": fit.data_parallel}
    parallel = ", ".join(f"{name} parallel {count}" for name, count in shares.items() if count > 1)
    dtype = fit.quantization or fit.dtype
    return machines, "; ".join(part for part in (f"{fit.context:,} tokens of context", dtype, parallel) if part)


def _machine(machine: InstanceType | None) -> str:
    if machine is None:
        return ""
    gpus = f"{machine.gpus}x {machine.gpu_model} {size(machine.gpu_memory_bytes)}" if machine.gpus else "no GPU"
    cores = f"{machine.cpus} cores, " if machine.cpus else ""
    memory = f"{size(machine.memory_bytes)} memory, " if machine.memory_bytes else ""
    return f"{cores}{memory}{gpus}; "


def _cost(plan: Plan) -> tuple[Text, Text]:
    if plan.cost is None:
        return styled("none"), styled(("this machine is yours already", "dim"))
    if plan.cost.usd_per_hour is None:
        machine = plan.nodes.instance_type
        amount = "nothing is bought" if machine is not None and machine.is_a_node else "unknown"
        return styled((amount, "bold")), styled((plan.cost.note, "dim"))
    hourly = plan.cost.usd_per_hour
    return styled((f"{hourly:.2f} USD/hour", "bold")), styled((f"{hourly * 24:.0f} USD/day; {plan.cost.note}", "dim"))


def _copies(scaling: ScalingRange, plan: Plan) -> tuple[Text, Text]:
    """The range of copies, and the nodes and the price at its ends."""
    low, high = scaling.lowest, scaling.highest
    of = f" of {plan.instance_type.name}" if plan.instance_type else ""
    nodes = _range(f"{low.nodes}", f"{high.nodes}") + f" node{'s' * (high.nodes > 1)}{of}"
    least, most = (end.cost.usd_per_hour if end.cost else None for end in (low, high))
    price = "" if least is None or most is None else f", {_range(usd(least), usd(most))} USD/hour"
    copies = _range(f"{low.copies}", f"{high.copies}")
    return styled((copies, "bold")), styled((f"{nodes}{price}", "dim"))


def _range(least: str, most: str) -> str:
    return most if least == most else f"{least} to {most}"


def _ranking(ranking: MachineRanking) -> RenderableType:
    """The chosen machine and the next ones, and the number of all the others."""
    from rich.console import Group
    from rich.table import Table

    grid = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for heading in ("  machines compared", "nodes x GPUs", "USD/h", "context", "tok/s*", "USD/1M*"):
        grid.add_column(heading, justify="left" if heading.startswith(" ") else "right", no_wrap=True)
    for option in ranking.options[:OPTIONS_SHOWN]:
        grid.add_row(*_option_cells(option))
    further = max(0, len(ranking.options) - OPTIONS_SHOWN)
    refused = _refused(ranking)
    counts = f"{further} more would do, {len(ranking.refused)} would not: -o yaml lists them with the reasons"
    rest = [counts] if further or len(ranking.refused) > len(refused) else []
    estimates = "* estimated tokens per second of all requests together, and USD per million of them"
    return Group(grid, *(styled((f"  {line}", "dim")) for line in (*_drawbacks(ranking), *refused, estimates, *rest)))


def _option_cells(option: MachineOption) -> tuple[str, ...]:
    return (
        f"  {option.name}",
        f"{option.nodes} x {option.gpus}",
        usd(option.usd_per_hour),
        f"{option.context:,}",
        f"{option.tokens_per_s:,.0f}" if option.tokens_per_s else "unknown",
        usd(option.usd_per_million_tokens),
    )


def usd(amount: float | None) -> str:
    """Format an amount in USD with cents; an unknown amount is not 0, and neither is a very small one."""
    if amount is None:
        return "unknown"
    return f"{amount:.2f}" if not 0 < amount < 0.01 else "<0.01"


def _drawbacks(ranking: MachineRanking) -> list[str]:
    shown = ranking.options[:OPTIONS_SHOWN]
    lines = [(option.name, ", ".join(option.drawbacks)) for option in shown if option.drawbacks]
    if len(lines) == len(shown) > 1 and len({drawbacks for _, drawbacks in lines}) == 1:
        return [f"all of these: {lines[0][1]}"]
    return [f"{name}: {drawbacks}" for name, drawbacks in lines]


def _refused(ranking: MachineRanking) -> list[str]:
    """Return the reasons where they are few, as those of a user's own list are."""
    few = len(ranking.refused) <= REASONS_SHOWN
    return [f"not {name}: {reason}" for name, reason in ranking.refused.items()] if few else []


def _memory(role: str, fit: Fit) -> RenderableType:
    from rich.table import Table

    device = "GPU" if fit.gpus else "machine"
    title = f"memory for {role}, per {device}: {size(fit.needed_bytes)} of {size(fit.budget_bytes)}"
    grid = Table.grid(padding=(0, 1))
    grid.add_column(min_width=max((len(term.name) + 2 for term in fit.terms), default=0), no_wrap=True)
    grid.add_column(min_width=BAR_WIDTH, no_wrap=True)
    grid.add_column(min_width=SIZE_WIDTH, no_wrap=True, justify="right")
    grid.add_column(overflow="fold")
    largest = max((term.bytes for term in fit.terms), default=1) or 1
    for number, term in enumerate(fit.terms):
        bar = "█" * max(1, round(BAR_WIDTH * term.bytes / largest)) if term.bytes else ""
        color = COLORS[number % len(COLORS)]
        grid.add_row(f"  {term.name}", styled((bar, color)), size(term.bytes), styled((term.formula, "dim")))
    outer = Table.grid()
    outer.add_row(title)
    outer.add_row(grid)
    return outer
