"""Plan: everything that is decided before anything is created."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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
class Plan:
    """Decided once per change by the user, and recorded before anything is bought or deleted.

    ``inputs`` is the digest of those parts of the Workspace that the plan depends on. ``tuning`` and ``serving`` are
    None where the Workspace does not ask for them; ``preflight`` is None where nothing can be checked before a machine
    is there. ``creates`` describes what will be created and written, in order. ``fits`` holds the Fit of ``tuning``
    and of ``serving``.
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
    nodes: NodeRequest
    fits: tuple[tuple[str, Fit], ...] = ()
    preflight: Launch | None = None
    tuning: Launch | None = None
    serving: Launch | None = None
    served_names: tuple[str, ...] = ()
    cost: Cost | None = None
    creates: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
