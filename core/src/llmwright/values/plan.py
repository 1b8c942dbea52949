"""Plan: everything that is decided before anything is created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from llmwright.values.fit import Fit
from llmwright.values.launch import Launch
from llmwright.values.nodes import NodeRequest

Target = Literal["kubernetes", "local"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A choice, with its reason in one sentence."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of all nodes in USD; None where a price is unknown, never 0. ``note`` gives date and source."""

    usd_per_hour: float | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaledTo:
    """So many copies of the server, the nodes for them, and the cost of these."""

    copies: int
    nodes: int
    cost: Cost | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingRange:
    """The ends of the range in which the number of copies follows the load, and who moves it there."""

    by: Literal["hpa", "keda", "runtime"]
    lowest: ScaledTo
    highest: ScaledTo


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineOption:
    """Machines of one type that would do.

    ``gpus`` is the number in one of the ``nodes``, ``context`` in tokens. ``tokens_per_s`` is an estimate over all
    requests, 0 where unknown; ``usd_per_million_tokens`` follows from it and the price, None where one is unknown.
    ``drawbacks`` put it behind the options without them.
    """

    name: str
    nodes: int
    gpus: int
    usd_per_hour: float | None
    context: int
    tokens_per_s: float = 0.0
    usd_per_million_tokens: float | None = None
    drawbacks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineRanking:
    """The instance types that were compared: ``options`` with the chosen one first, ``refused`` with the reasons."""

    options: tuple[MachineOption, ...]
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PassedOver:
    """An instance type whose turn it was, and why it could not be planned."""

    name: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Decided once per change by the user, and recorded before anything is bought or deleted.

    ``inputs`` is the digest of those parts of the Workspace that the plan depends on. ``tuning`` and ``serving`` are
    None where the Workspace does not ask for them; ``preflight`` is None where nothing can be checked before a machine
    is there. ``creates`` describes what will be created and written, in order. ``fits`` holds the Fit of ``tuning``
    and of ``serving``. ``ranking`` is there where the instance type was to be chosen. ``fixed`` are the fields that may
    not change once something was done, by YAML path. ``scaling`` is there where the number of copies follows the load.
    ``alternatives`` are the instance types that come next where the cloud has none of this one; ``passed_over`` are
    those before it that could not be planned.
    """

    workspace: str
    namespace: str
    inputs: str
    target: Target
    preset: str
    provisioner: Choice
    runtime: Choice | None = None
    tuner: Choice | None = None
    instance_type: Choice | None = None
    ranking: MachineRanking | None = None
    alternatives: tuple[str, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()
    nodes: NodeRequest
    fits: tuple[tuple[str, Fit], ...] = ()
    preflight: Launch | None = None
    tuning: Launch | None = None
    serving: Launch | None = None
    served_names: tuple[str, ...] = ()
    cost: Cost | None = None
    scaling: ScalingRange | None = None
    creates: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
