"""The workload of a Workspace on one kind of machine: drivers, Fits and the number of machines."""

from __future__ import annotations

from dataclasses import dataclass

from llmwright.api.scaling import autoscaling_of, most_copies_field, replicas_of
from llmwright.api.workspace import Tuning, Workspace
from llmwright.check.autoscaling import against_runtime
from llmwright.errors import InvalidWorkspace
from llmwright.plan.adapters import MountedAdapter, named_adapters
from llmwright.plan.plan_input import PlanInput
from llmwright.plan.refusal import refuse
from llmwright.plan.runtime_choice import Served, ServingChoice, choose_runtime
from llmwright.plan.tuner_choice import TuningChoice, choose_tuner
from llmwright.plugins.drivers import Driver, Runtime
from llmwright.values.copies import ONE_COPY, Copies
from llmwright.values.fit import Fit

TIGHT = "nf4"
"""How a tuned model is served on a node that holds it quantised only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """The range of the number of copies, with ``each`` so many machines.

    ``held``: machines for the highest number are there all the time, for a runtime that scales itself.
    """

    copies: Copies = ONE_COPY
    each: int = 0
    held: bool = False

    @property
    def least_nodes(self) -> int:
        """The number of machines for the lowest number of copies."""
        return self.most_nodes if self.held else self.each * self.copies.lowest

    @property
    def most_nodes(self) -> int:
        """The number of machines for the highest number of copies."""
        return self.each * self.copies.highest


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The chosen drivers and their Fits; ``nodes`` is the number of machines to ask for now, ``scaling`` its range.

    ``released`` says why the machine is given back after tuning although the result was to be served; empty where not.
    """

    nodes: int
    scaling: Scaling = Scaling()
    tuned: TuningChoice | None = None
    serving: ServingChoice | None = None
    adapters: tuple[MountedAdapter, ...] = ()
    released: str = ""

    @property
    def most_nodes(self) -> int:
        """The number of machines for the highest number of copies."""
        return max(self.nodes, self.scaling.most_nodes)

    @property
    def own_template(self) -> str | None:
        """The file with the chat template that the tuned adapter brings; None where it is the base's own."""
        return self.tuned.tuner.chat_template(self.tuned.config) if self.tuned else None

    @property
    def fits(self) -> tuple[tuple[str, Fit], ...]:
        """Roles and their Fits."""
        tuned = (("tuning", self.tuned.fit),) if self.tuned else ()
        return (*tuned, *((("serving", self.serving.fit),) if self.serving else ()))

    @property
    def drivers(self) -> tuple[Driver, ...]:
        """The drivers whose programs run on the machine's GPUs."""
        return (*((self.tuned.tuner,) if self.tuned else ()), *((self.serving.runtime,) if self.serving else ()))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about the choices of drivers."""
        choices = (self.tuned, self.serving)
        lines = tuple(line for choice in choices if choice is not None for line in choice.warnings)
        return (*lines, self.released) if self.released else lines

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes about the choices of drivers."""
        return self.serving.notes if self.serving else ()


def choose_workload(inputs: PlanInput) -> Workload:
    """Drivers and Fits on ``inputs.machine``.

    Raises:
        InvalidWorkspace: it does not fit, or no driver can do it.
        PluginError: a driver that is named is missing or broken.
    """
    if inputs.workspace.tuning is not None:
        return _tuning(inputs, inputs.workspace.tuning)
    adapters = named_adapters(inputs)
    strengths = tuple(index for index, mounted in enumerate(adapters) if mounted.adapter.strength is not None)
    serving = choose_runtime(inputs, Served(adapters=len(adapters), strengths=strengths))
    return _inference(inputs, serving, adapters)


def _tuning(inputs: PlanInput, tuning: Tuning) -> Workload:
    tuned = choose_tuner(inputs, tuning)
    nodes = requested_nodes(inputs.workspace)
    if inputs.on_success == "release":
        return Workload(nodes=nodes, tuned=tuned)
    try:
        serving = choose_runtime(inputs, Served(adapters=1, fallback=TIGHT, most_nodes=nodes))
    except InvalidWorkspace as error:
        if tuning.on_success == "serve" or not _is_about_size(error):
            raise
        reason = error.problems[0].message
        return Workload(nodes=nodes, tuned=tuned, released=f"the machine is given back after tuning: {reason}")
    return Workload(nodes=nodes, tuned=tuned, serving=serving)


def _is_about_size(error: InvalidWorkspace) -> bool:
    return all(problem.reason == "DoesNotFit" for problem in error.problems)


def _inference(inputs: PlanInput, serving: ServingChoice, adapters: tuple[MountedAdapter, ...]) -> Workload:
    """Return upstream's number of machines for a runtime that spreads over nodes, and the user's for any other."""
    able, copies, autoscaling = serving.able, serving.fit.copies, autoscaling_of(inputs.workspace)
    if autoscaling is not None and inputs.target == "kubernetes":
        # The runtime may be another than the one that was checked: the machine was not known then.
        problems = tuple(against_runtime(serving.choice.name, serving.runtime, autoscaling))
        if problems:
            raise InvalidWorkspace(problems)
    each = serving.fit.nodes if able.multi_node else requested_nodes(inputs.workspace)
    if able.multi_node and each > 1 and copies.highest > 1 and not able.scales_itself:
        raise _copies_of_a_group(inputs, each, copies.highest)
    if inputs.target == "local":
        here = Scaling(copies=copies, held=able.scales_itself)
        return Workload(nodes=1, scaling=here, serving=serving, adapters=adapters)
    scaling = Scaling(copies=copies, each=each, held=able.scales_itself)
    asked = replicas_of(inputs.workspace)
    nodes = inputs.settled_nodes or each * asked
    if scaling.held and asked:
        # Its copies come and go without a word to us, so the machines for all of them are there.
        nodes = scaling.most_nodes
    return Workload(nodes=nodes, scaling=scaling, serving=serving, adapters=adapters)


def _copies_of_a_group(inputs: PlanInput, nodes: int, copies: int) -> InvalidWorkspace:
    """Return the error for more copies of a model than one, where each takes several nodes.

    Pods of one StatefulSet get their rank by their number, so those of a second copy would join the first.
    """
    message = f"{inputs.preset.name} takes {nodes} nodes of {inputs.machine.name}; {copies} copies of it are not built"
    able = inputs.drivers.named("runtime", _has_copies_of_groups)
    other = f"write runtime: {' or '.join(able)}, " if able else ""
    hint = f"{other}make one Workspace for each copy, or choose an instance type that holds the model alone"
    return refuse(most_copies_field(inputs.workspace), message, hint, "CopiesOfGroup")


def _has_copies_of_groups(runtime: type[Runtime]) -> bool:
    """Whether a runtime, by one of its engines, runs copies that each take several machines."""
    able = (runtime.capabilities, *(engine.capabilities for engine in runtime.engines.values()))
    return any(each.multi_node and each.scales_itself for each in able)


def requested_nodes(workspace: Workspace) -> int:
    """Return the user's count, else 1: upstream's count wherever the model does not decide it."""
    return workspace.resource.count or 1
