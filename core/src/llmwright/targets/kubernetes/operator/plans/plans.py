"""The Plan of each Workspace: made once for what its user wrote, remembered, and made again when that changes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from llmwright.api.scaling import replicas_of
from llmwright.api.status import PlanRecord, WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import InvalidWorkspace, LimitExceeded, LLMwrightError, NotYet, TargetError
from llmwright.lifecycle.observed import Trouble
from llmwright.plan.digest import ROLLOUT, inputs_digest, with_rollout
from llmwright.plan.fixed_fields import CarriedOut, UnappliedChange
from llmwright.plugins.driver_calls import described, driver_call, must_pass
from llmwright.plugins.drivers import Runtime
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.cache.config_files import ConfigFiles
from llmwright.targets.kubernetes.operator.memory import Memory, Planned, WorkspaceMemory
from llmwright.targets.kubernetes.operator.plans.budget import Budget, Prices
from llmwright.targets.kubernetes.operator.plans.pinning import (
    differ,
    keeps_machines,
    machine_of,
    on_bought_type,
    on_machines,
    pinned,
    settled_nodes,
    types_in_turn,
)
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.values.backoff import Backoff
from llmwright.values.instance_type import InstanceType
from llmwright.values.nodes import unreserved
from llmwright.values.plan import PassedOver, Plan

Unapplied = tuple[UnappliedChange, ...]
Files = Mapping[str, Mapping[str, str]]
Call = Callable[[Key, float], None]

RETRY_S = 60.0
"""How long to wait before a hub that could not be reached is asked again."""

PAUSES = Backoff(first_s=2.0, most_s=300.0)
"""The pauses before a Plan is made again whose making broke."""

log = logging.getLogger(__name__)


class Planner(Prices, Protocol):
    """Admission and planning with the plugins, packs and settings of this environment."""

    def admit(self, workspace: Workspace, files: Files) -> None:
        """Refuse what ``check`` has an error against; raises InvalidWorkspace."""

    def admit_plan(self, workspace: Workspace, plan: Plan) -> None:
        """Refuse a plan that a rule has an error against; raises InvalidWorkspace."""

    def plan(self, workspace: Workspace, files: Files, nodes: int | None, machine: InstanceType | None) -> Plan:
        """As ``make_plan`` for a cluster; raises what it raises."""

    def carried_out(self, workspace: Workspace, record: PlanRecord) -> CarriedOut:
        """As the function of that name; raises what it raises."""

    def as_recorded(self, plan: Plan, workspace: Workspace, record: PlanRecord) -> tuple[Plan, Unapplied]:
        """Return ``plan`` with the nodes' options on record, and the defaults that are others today."""

    @property
    def read_names(self) -> frozenset[str]:
        """The annotations and labels that bear on what runs."""

    def nodes_are_brought(self, workspace: Workspace) -> bool:
        """Return whether its provisioner takes nodes that the user brings; raises PluginError where there is none."""

    def asks_others(self, workspace: Workspace) -> bool:
        """Return whether planning it has to ask a model hub."""

    def runtime(self, name: str) -> Runtime:
        """Return the runtime of that name, with its settings; raises PluginError and ConfigError."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """A Workspace with the files of its ConfigMaps, its status, and the choice on record, where that still holds."""

    workspace: Workspace
    files: Files
    status: WorkspaceStatus | None
    recorded: PlanRecord | None


class Plans:
    """Plans with the choice that the status records, so that another version, price list or default moves nothing.

    A refusal holds until something is changed; a Workspace that only waits for nodes is planned again with every pass.
    """

    def __init__(
        self,
        planner: Planner,
        memory: Memory,
        budget: Budget,
        configs: ConfigFiles,
        tasks: Tasks,
        nodes: Callable[[Mapping[str, str]], Iterable[Mapping[str, Any]]],
        call: Call,
    ) -> None:
        """``nodes`` finds nodes by labels; ``call`` has a pass made over a Workspace after some seconds."""
        self._planner, self._memory, self._budget, self._configs = planner, memory, budget, configs
        self._tasks, self._nodes, self._call = tasks, nodes, call
        self._runtimes: dict[str, Runtime] = {}

    def runtime(self, name: str) -> Runtime:
        """Return the runtime that a Plan names, which may add objects of its own; raises as the planner's."""
        if name not in self._runtimes:
            with driver_call("runtime", name, "__init__"):
                runtime = self._planner.runtime(name)
            with driver_call("runtime", name, "watches"):
                # Asked here once: where it breaks later, a Workspace could be neither judged nor deleted.
                tuple(runtime.watches())
            self._runtimes[name] = runtime
        return self._runtimes[name]

    def carried_out(self, workspace: Workspace, status: WorkspaceStatus | None) -> CarriedOut:
        """Return the Workspace with the fixed fields as recorded, and the changes of them that are asked for.

        Raises:
            InvalidWorkspace: it asks for something else altogether.
        """
        record = status.plan if status is not None else None
        return self._planner.carried_out(workspace, record) if record is not None else CarriedOut(workspace)

    def of(self, key: Key, workspace: Workspace, status: WorkspaceStatus | None) -> Planned | None:
        """Return what holds now; None while something has to be fetched first, and then a pass is called for."""
        try:
            files = self._configs.of(workspace)
        except TargetError as error:
            return Planned(workspace.metadata.uid, "", trouble=Trouble.of(error), fresh=True)
        if files is None:
            return None
        recorded = status.plan.inputs if status is not None and status.plan else None
        rollout = workspace.metadata.annotations.get(ROLLOUT, "")
        inputs = with_rollout(inputs_digest(workspace, files, self._planner.read_names), rollout, recorded)
        record = self._memory.of(key)
        known = record.planned if record.planned and record.planned.holds_for(workspace, inputs) else None
        if known is not None and not known.fresh:
            return known
        make = partial(self._make, key, record, workspace, status, files, inputs)
        if known is None and self._planner.asks_others(workspace):
            self._tasks.submit(("plan", key), make, partial(self._call, key))
            return None
        return make()

    def freed(self, key: Key, forgotten: WorkspaceMemory | None) -> None:
        """Plan again what the spending of a Workspace, which is gone, kept from its nodes."""
        self._plan_again(self._budget.freed(key, forgotten))

    def gave_back(self, key: Key) -> None:
        """Plan again what the spending of a Workspace, which gave its nodes back, kept from its nodes."""
        self._plan_again(self._budget.gave_back(key, self._memory.of(key)))

    def _plan_again(self, keys: Iterable[Key]) -> None:
        for key in keys:
            record = self._memory.find(key)
            if record is not None:
                record.asked_again += 1
                record.planned = None
                self._call(key, 0.0)

    def _make(
        self,
        key: Key,
        record: WorkspaceMemory,
        workspace: Workspace,
        status: WorkspaceStatus | None,
        files: Files,
        inputs: str,
    ) -> Planned:
        recorded = status.plan if status is not None and status.plan and status.plan.inputs == inputs else None
        wish, asked_again = _Wish(workspace, files, status, recorded), record.asked_again
        planned = Planned(workspace.metadata.uid, inputs, replicas_of(workspace))
        try:
            plan, newer, defaults = self._in_turn(key, record, wish)
            refused = self._refused_today(workspace, files) if recorded is not None else ""
            plan = replace(plan, inputs=inputs)
            planned = replace(planned, plan=plan, newer=newer, refused=refused, defaults=defaults)
        except InvalidWorkspace as error:
            planned = replace(planned, trouble=Trouble(_reason(error), error.message))
        except NotYet as error:
            planned = replace(planned, trouble=Trouble.of(error), fresh=True)
        except TargetError as error:
            # The hub may answer later. It is asked in the pool: a worker that waits for it holds up other Workspaces.
            trouble, due = Trouble.of(error), time.monotonic() + RETRY_S
            planned = replace(planned, trouble=trouble, retry_at=due)
            self._call(key, RETRY_S)
        except LLMwrightError as error:
            planned = replace(planned, trouble=Trouble.of(error))
        except BaseException as error:
            if must_pass(error):
                raise
            log.exception("%s/%s: planning broke", *key)
            planned = self._broken(key, record.planned, planned, error)
        record.planned = planned
        if record.asked_again != asked_again:
            # Room was made since it was judged, and nobody would tell of that again.
            self._plan_again([key])
        return planned

    def _in_turn(self, key: Key, record: WorkspaceMemory, wish: _Wish) -> tuple[Plan, bool, Unapplied]:
        """Return the Plan, as ``_plan``: where an instance type was given up, of the first in turn that may be had.

        With none the types that were refused are in turn again, so that the Workspace waits for the first of them.
        """
        status, recorded = wish.status, wish.recorded
        if recorded is None or status is None or recorded.instance_type is not None or not recorded.alternatives:
            return self._admitted(key, record, wish)
        turn = types_in_turn(recorded)
        passed_over: list[PassedOver] = []
        for index, name in enumerate(turn, start=1):
            chosen = recorded.model_copy(update={"instance_type": name})
            named = replace(wish, status=status.model_copy(update={"plan": chosen}), recorded=chosen)
            try:
                plan, newer, defaults = self._admitted(key, record, named, grows=True)
            except (InvalidWorkspace, LimitExceeded) as error:
                if index == len(turn):
                    raise
                passed_over.append(PassedOver(name, _reason(error), error.message))
                continue
            rest = tuple(other for other in turn[index:] if other in recorded.alternatives)
            return replace(plan, alternatives=rest, passed_over=tuple(passed_over)), newer, defaults
        raise AssertionError("there is at least one type")

    def _admitted(
        self, key: Key, record: WorkspaceMemory, wish: _Wish, *, grows: bool = False
    ) -> tuple[Plan, bool, Unapplied]:
        plan, newer = self._plan(wish)
        if plan.runtime is not None:
            self.runtime(plan.runtime.name)
        plan, defaults = self._as_recorded(plan, wish)
        grows = grows or _grows(wish.recorded, replicas_of(wish.workspace))
        self._plan_again(self._budget.admit(key, record, plan, recorded=not grows))
        return plan, newer, defaults

    def _broken(self, key: Key, before: Planned | None, planned: Planned, error: BaseException) -> Planned:
        """Return ``planned`` as one that is made again after a pause, longer each time in a row that it breaks."""
        same = before is not None and (before.uid, before.inputs) == (planned.uid, planned.inputs)
        failures = 1 + (before.failures if before is not None and same else 0)
        pause_s = PAUSES.pause_s(failures)
        self._call(key, pause_s)
        trouble = Trouble("InternalError", f"planning broke: {described(error)}")
        return replace(planned, trouble=trouble, failures=failures, retry_at=time.monotonic() + pause_s)

    def _refused_today(self, workspace: Workspace, files: Files) -> str:
        """Return why what runs could not be begun today; empty where it could.

        Templates alone are asked about: what they may ask for is a setting, and no hub is needed to tell.
        """
        if workspace.template is None:
            return ""
        try:
            self._planner.admit(workspace, files)
        except LLMwrightError as error:
            return "; ".join(error.message.splitlines())
        return ""

    def _as_recorded(self, plan: Plan, wish: _Wish) -> tuple[Plan, Unapplied]:
        record = wish.status.plan if wish.status is not None else None
        return self._planner.as_recorded(plan, wish.workspace, record) if record is not None else (plan, ())

    def _plan(self, wish: _Wish) -> tuple[Plan, bool]:
        """Return the Plan, and whether today another runtime would be chosen, or the same be run otherwise."""
        workspace, files, status, recorded = wish.workspace, wish.files, wish.status, wish.recorded
        before, nodes = status.plan if status is not None else None, settled_nodes(workspace, status, recorded)
        if recorded is None:
            self._planner.admit(workspace, files)
        # Also where their number is decided anew: two types would be held at one time.
        free = on_machines(workspace, before) if before is not None and keeps_machines(workspace, before) else workspace
        chosen = pinned(workspace, recorded) if recorded else free
        machine = None
        if self._planner.nodes_are_brought(chosen):
            selector = workspace.resource.label_selector
            machine = machine_of(self._nodes(unreserved(selector.match_labels) if selector else {}))
        else:
            chosen, free = on_bought_type(chosen, before), on_bought_type(free, before)
        plan = self._planner.plan(chosen, files, nodes, machine)
        if recorded is None:
            self._planner.admit_plan(workspace, plan)
        if recorded is None or chosen == free:
            return plan, False
        try:
            return plan, differ(plan, self._planner.plan(free, files, nodes, machine))
        except LLMwrightError:
            return plan, False


def _grows(recorded: PlanRecord | None, replicas: int) -> bool:
    """Return whether a Plan asks for more than the one on record, so that the namespace's limits are to be kept."""
    return recorded is None or (recorded.replicas is not None and replicas > recorded.replicas)


def _reason(error: InvalidWorkspace | LimitExceeded) -> str:
    problems = error.problems if isinstance(error, InvalidWorkspace) else ()
    reasons = [problem.reason for problem in problems if problem.severity == "error"]
    return reasons[0] if reasons and reasons[0] != "Invalid" else error.reason
