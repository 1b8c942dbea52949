"""``instanceType: auto`` or a list: the machine to ask for first, and those that come after it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import compress, groupby

from llmwright.errors import InvalidWorkspace, LimitExceeded, Problem
from llmwright.plan.cost import limit_problem
from llmwright.plan.machine_choice import MachineChoice
from llmwright.plan.refusal import refuse
from llmwright.plan.workload import Workload
from llmwright.plugins.gpu_images import foreign, is_named, older_image, stands_in
from llmwright.settings.model import Limits
from llmwright.sizing.dtypes import is_native
from llmwright.sizing.throughput import Load, serving_tokens_per_s, tuning_tokens_per_s
from llmwright.values.fit import Fit
from llmwright.values.instance_type import InstanceType
from llmwright.values.plan import Choice, MachineOption, MachineRanking
from llmwright.values.preset import Preset

SHORT_CONTEXT = 8192
"""A context below this number of tokens, and below the model's own, is a drawback."""

SHORT_ROWS = 2048
"""Rows of training data that must be shorter than this number of tokens, and than the model's context, are one too."""

SAME_COST = 1.35
"""Costs of a token that differ by no more than this factor count as the same: the estimate is no better."""

OVER_LIMIT = LimitExceeded.reason

MOST_REASONS = 4
"""Reasons against machines that are all told; of more, one of each kind."""

MOST_ALTERNATIVES = 8
"""Instance types that are kept to be tried next."""

DRAWBACKS = (
    "it is retired",
    "its price is unknown",
    "its speed is unknown",
    "memory is tight",
    "the tuned model is not served there",
    "the context is short",
    "rows must be short",
    "the GPU does not compute in the checkpoint's number format",
)
"""The worst first: an option comes after every option whose worst drawback is less bad, whatever it costs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingInput:
    """The question: ``workload_on`` plans ``preset`` on one type of machine, or raises why it cannot be there.

    ``images`` are the image roles that the settings name an image for.
    """

    preset: Preset
    workload_on: Callable[[InstanceType], Workload]
    limits: Limits
    namespace: str
    images: Collection[str] = ()
    load: Load = field(default_factory=Load)


def best_machine(candidates: Iterable[InstanceType], asked: RankingInput) -> MachineChoice:
    """Return the machine of the best option.

    Options without a drawback come first, then one node before several, then the lower cost of a token, which is the
    price over the estimated tokens per second (``sizing/throughput.py``), then fewer nodes and the lower price of an
    hour.

    Raises:
        InvalidWorkspace: none would do; the message has the reason of each.
    """
    machines = {machine.name: machine for machine in candidates if machine.gpus}
    options, refused = _judged(machines.values(), asked)
    ranked = _ranked(options)
    best, others = ranked[0], [option for option in ranked[1:] if DRAWBACKS[0] not in option.drawbacks]
    return MachineChoice(
        machines[best.name],
        Choice(name=best.name, why=_why(best)),
        ranking=MachineRanking(options=tuple(ranked), refused=refused),
        alternatives=tuple(option.name for option in others[:MOST_ALTERNATIVES]),
    )


def first_machine(
    names: Iterable[str], find: Callable[[str], InstanceType | None], asked: RankingInput
) -> MachineChoice:
    """Return the first machine of the user's list that would do.

    Raises:
        InvalidWorkspace: none would do; the message has the reason of each.
    """
    known = {name: find(name) for name in names}
    machines = {machine.name: machine for machine in known.values() if machine is not None}
    unknown = {name: "no such instance type is known" for name, machine in known.items() if machine is None}
    options, refused = _judged(machines.values(), asked, unknown)
    best = options[0]
    return MachineChoice(
        machines[best.name],
        Choice(name=best.name, why="it is the first of the list that would do"),
        ranking=MachineRanking(options=tuple(options), refused=refused),
        alternatives=tuple(option.name for option in options[1 : MOST_ALTERNATIVES + 1]),
    )


def _judged(
    machines: Iterable[InstanceType], asked: RankingInput, unknown: Mapping[str, str] | None = None
) -> tuple[list[MachineOption], dict[str, str]]:
    """Return the options in the order of ``machines``, and why the others are none.

    Raises:
        InvalidWorkspace: there is no option.
    """
    options, refused = [], dict(unknown or {})
    kinds: dict[str, list[tuple[InstanceType, Problem]]] = {}
    for machine in machines:
        try:
            options.append(_option(machine, asked))
        except InvalidWorkspace as error:
            problem = error.problems[0]
            refused[machine.name] = problem.message
            kinds.setdefault(problem.reason, []).append((machine, problem))
    if not options:
        raise _none_left(refused, kinds, asked)
    return options, refused


def _none_left(
    refused: Mapping[str, str], kinds: Mapping[str, list[tuple[InstanceType, Problem]]], asked: RankingInput
) -> InvalidWorkspace:
    """The error with each reason; of many, for each kind the one against the machine nearest to what would do."""
    most = max(kinds.values(), key=len, default=[])
    if most and not most[0][1].path.startswith("resource"):
        return InvalidWorkspace([most[0][1]])  # no machine would repair it
    reasons = [f"{name}: {reason}" for name, reason in refused.items()]
    if len(refused) > MOST_REASONS:
        reasons = []
        for kind, against in kinds.items():
            machine, problem = min(against, key=lambda one: _dearness(one[0], asked, over_limit=kind == OVER_LIMIT))
            others = f" (and {len(against) - 1} more)" if len(against) > 1 else ""
            reasons.append(f"{machine.name}: {problem.message}{others}")
    message = f"no instance type is left to choose: {'; '.join(reasons)}"
    return refuse("resource.instanceType", message, reason="DoesNotFit")


def _dearness(machine: InstanceType, asked: RankingInput, *, over_limit: bool) -> float:
    """The price, of a type over a limit; else the smaller the memory, the further from what would do."""
    if not over_limit:
        return -machine.gpus * machine.gpu_memory_bytes
    return machine.price.usd_per_hour * asked.workload_on(machine).nodes if machine.price else math.inf


def fewer_machines(
    machine: InstanceType, nodes: int, candidates: Iterable[InstanceType], asked: RankingInput
) -> Iterator[str]:
    """Yield a sentence where fewer machines of another type would do in place of ``nodes``, for no higher price."""
    try:
        ranking = best_machine(candidates, asked).ranking
    except InvalidWorkspace:
        return
    best = ranking.options[0] if ranking else None
    if best is None or best.usd_per_hour is None or best.nodes >= nodes:
        return
    if machine.price is None or best.usd_per_hour <= machine.price.usd_per_hour * nodes:
        yield f"{best.nodes} x {best.name} would do in place of {nodes} x {machine.name}{_price(best)}"


def with_better_machine(
    error: InvalidWorkspace, candidates: Iterable[InstanceType], asked: RankingInput
) -> InvalidWorkspace:
    """Return ``error`` with the best machine in its first hint, where the machine is at fault and another would do."""
    first, *rest = error.problems
    if first.reason not in {"DoesNotFit", "GpuTooOld"}:
        return error
    better = machines_that_do(candidates, asked)
    if not better:
        return error
    hint = f"{first.hint}; {better}" if first.hint else better
    return InvalidWorkspace([replace(first, hint=hint), *rest])


def machines_that_do(candidates: Iterable[InstanceType], asked: RankingInput) -> str:
    """Return a sentence about the best machine, and the cheapest where that is another; empty where none would do."""
    try:
        ranking = best_machine(candidates, asked).ranking
    except InvalidWorkspace:
        return ""
    if ranking is None:
        return ""
    best = ranking.options[0]
    peers = [option for option in ranking.options if option.drawbacks == best.drawbacks]
    cheapest = min(peers, key=lambda option: math.inf if option.usd_per_hour is None else option.usd_per_hour)
    would_do = f"{best.nodes} x {best.name} would do{_price(best)}"
    if cheapest.name == best.name:
        return would_do
    return f"{would_do}; the cheapest is {cheapest.nodes} x {cheapest.name}{_price(cheapest)}"


def _price(option: MachineOption) -> str:
    return "" if option.usd_per_hour is None else f", {option.usd_per_hour:g} USD/hour"


def _option(machine: InstanceType, asked: RankingInput) -> MachineOption:
    if machine.compute_capability is None:
        raise refuse("resource.instanceType", foreign(machine))
    workload = asked.workload_on(machine)
    for older in filter(None, (older_image(driver, machine) for driver in workload.drivers)):
        if not is_named(older, asked.images):
            message = f"{stands_in(older, machine)}, which the settings do not name"
            raise refuse("resource.instanceType", message, reason="ImageNotNamed")
    problem = limit_problem(asked.limits, machine, workload.most_nodes, asked.namespace)
    if problem:
        raise refuse("resource.instanceType", problem, reason=OVER_LIMIT)
    _, fit = workload.fits[0]
    tokens = _tokens_per_s(asked, workload, fit)
    price = machine.price.usd_per_hour * workload.nodes if machine.price else None
    return MachineOption(
        name=machine.name,
        nodes=workload.nodes,
        gpus=machine.gpus,
        usd_per_hour=None if price is None else round(price, 6),
        context=fit.context,
        tokens_per_s=tokens,
        usd_per_million_tokens=None if price is None or not tokens else price / tokens / 3600 * 1e6,
        drawbacks=tuple(_drawbacks(machine, asked.preset, workload, fit, tokens)),
    )


def _tokens_per_s(asked: RankingInput, workload: Workload, fit: Fit) -> float:
    copies = max(1, workload.nodes // max(1, fit.nodes))
    if workload.tuned is not None:
        return tuning_tokens_per_s(asked.preset, fit) * copies
    batches = workload.serving is not None and workload.serving.able.batching
    load = asked.load if batches else Load(sequences=1, tokens=asked.load.tokens)
    return serving_tokens_per_s(asked.preset, fit, load) * copies


def _drawbacks(machine: InstanceType, preset: Preset, workload: Workload, fit: Fit, tokens: float) -> Iterator[str]:
    present = (
        machine.retired,
        machine.price is None,
        not tokens,
        not all(part.fits for _, part in workload.fits),
        bool(workload.released),
        workload.tuned is None and fit.context < min(SHORT_CONTEXT, preset.context),
        workload.tuned is not None and fit.context < min(SHORT_ROWS, preset.context),
        not is_native(machine, preset.quantization),
    )
    return compress(DRAWBACKS, present)


def _ranked(options: Iterable[MachineOption]) -> list[MachineOption]:
    """Sort by drawbacks, one node or several, the cost of a token, the number of nodes and the cost of an hour."""
    ranked: list[MachineOption] = []
    for _, peers in groupby(sorted(options, key=_class), key=_class):
        group = list(peers)
        cheapest = min(map(_per_token, group))
        ranked += sorted(group, key=lambda option: _cost_rank(option, cheapest))
    return ranked


def _class(option: MachineOption) -> tuple[int, bool]:
    worst = DRAWBACKS.index(option.drawbacks[0]) if option.drawbacks else len(DRAWBACKS)
    return -worst, option.nodes > 1


def _per_token(option: MachineOption) -> float:
    return math.inf if option.usd_per_million_tokens is None else option.usd_per_million_tokens


def _cost_rank(option: MachineOption, cheapest: float) -> tuple[float, int, float, str]:
    per_token = _per_token(option)
    price = math.inf if option.usd_per_hour is None else option.usd_per_hour
    # Within the error of the estimate the cheaper hour wins: most servers are idle for most of their hours.
    return (cheapest if per_token <= SAME_COST * cheapest else per_token, option.nodes, price, option.name)


def _why(best: MachineOption) -> str:
    if best.usd_per_million_tokens is None:
        return f"the first that would do, although {best.drawbacks[0]}"
    return f"a token costs least there or nearly so, about {best.usd_per_million_tokens:.2f} USD per million"
