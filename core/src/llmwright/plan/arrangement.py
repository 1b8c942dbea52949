"""How a Workspace sits on one kind of machine: drivers, Fits and the number of machines."""

from __future__ import annotations

from dataclasses import dataclass

from llmwright.api.workspace import Tuning, Workspace
from llmwright.plan.adapters import Brought, named_adapters
from llmwright.plan.facts import Facts
from llmwright.plan.refusal import refuse
from llmwright.plan.runtimes import Serving, Wanted, choose_runtime
from llmwright.plan.tuners import Tuned, choose_tuner
from llmwright.values.fit import Fit

TIGHT = "nf4"
"""How a tuned model is served on a node that holds it quantised only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """What was found; ``nodes`` is what must be asked for."""

    nodes: int
    tuned: Tuned | None = None
    serving: Serving | None = None
    adapters: tuple[Brought, ...] = ()

    @property
    def fits(self) -> tuple[tuple[str, Fit], ...]:
        """Roles and how they sit."""
        tuned = (("tuning", self.tuned.fit),) if self.tuned else ()
        return (*tuned, *((("serving", self.serving.fit),) if self.serving else ()))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the drivers' choices are to be warned of."""
        return (*(self.tuned.warnings if self.tuned else ()), *(self.serving.warnings if self.serving else ()))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth saying of them."""
        return self.serving.notes if self.serving else ()


def arrange(facts: Facts) -> Arrangement:
    """Drivers and Fits on ``facts.machine``.

    Raises:
        InvalidWorkspace: it does not fit, or no driver can do it.
        PluginError: a driver that is named is missing or broken.
    """
    if facts.workspace.tuning is not None:
        return _tuning(facts, facts.workspace.tuning)
    adapters = named_adapters(facts)
    strength = any(one.adapter.strength is not None for one in adapters)
    serving = choose_runtime(facts, Wanted(adapters=len(adapters), strength=strength))
    return Arrangement(nodes=_inference_nodes(facts, serving), serving=serving, adapters=adapters)


def _tuning(facts: Facts, tuning: Tuning) -> Arrangement:
    tuned = choose_tuner(facts, tuning)
    nodes = requested_nodes(facts.workspace)
    if facts.on_success == "release":
        return Arrangement(nodes=nodes, tuned=tuned)
    serving = choose_runtime(facts, Wanted(adapters=1, fallback=TIGHT))
    if serving.fit.nodes > nodes:
        message = f"tuning holds {nodes} machines, and serving with {serving.choice.name} needs {serving.fit.nodes}"
        raise refuse("resource.count", message, "set tuning.onSuccess to release")
    return Arrangement(nodes=nodes, tuned=tuned, serving=serving)


def _inference_nodes(facts: Facts, serving: Serving) -> int:
    """Upstream's count for an engine, whatever the user wrote; what the user wrote for any other runtime."""
    inference = facts.workspace.inference
    if facts.settled_nodes:
        return facts.settled_nodes
    copies = 1 if inference is None or inference.replicas is None else inference.replicas
    if serving.runtime.capabilities.multi_node:
        return serving.fit.nodes * copies
    return requested_nodes(facts.workspace) * copies


def requested_nodes(workspace: Workspace) -> int:
    """What the user wrote, else 1: upstream's count wherever the model does not decide it."""
    return workspace.resource.count or 1
