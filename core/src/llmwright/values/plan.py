"""The Plan: everything decided before anything is created."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llmwright.values.fit import Fit
from llmwright.values.launch import Launch
from llmwright.values.nodes import NodeRequest

Target = Literal["kubernetes", "local"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Something that was chosen, and why in one sentence."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """In USD for all nodes; None where a price is unknown, which is never 0. ``note`` gives date and source."""

    usd_per_hour: float | None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Decided once per change by the user, and recorded before anything is bought or deleted.

    ``inputs`` is the digest of what the user wrote that bears on it. ``tuning`` and ``serving`` are None where the
    Workspace does not ask for them; ``preflight`` where nothing can be known before a machine is there. ``creates``
    says in words what will be created and written, in order. ``fits`` maps ``tuning`` and ``serving`` to how they sit.
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
