"""Plans: decided once for what the user wrote, remembered, and made again only when that changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from llmwright.api.status import PlanRecord, WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.catalogue.node_labels import instance_type_of_labels
from llmwright.errors import ConfigError, InvalidWorkspace, LLMwrightError, NotYet, TargetError
from llmwright.lifecycle.observed import Trouble
from llmwright.plan.digest import ROLLOUT, inputs_digest, with_rollout
from llmwright.plugins.drivers import Runtime
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.cache.config_files import ConfigFiles
from llmwright.targets.kubernetes.operator.observe.pod_causes import is_ready
from llmwright.targets.kubernetes.operator.plans.budget import Ledger
from llmwright.targets.kubernetes.operator.plans.spending import Prices
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.values.instance_type import InstanceType
from llmwright.values.nodes import unreserved
from llmwright.values.plan import Plan

Files = Mapping[str, Mapping[str, str]]

RETRY_S = 60.0
"""How long to wait before a hub that could not be reached is asked again."""


class Planner(Prices, Protocol):
    """Admission and planning with the plugins, packs and settings of this environment."""

    def admit(self, workspace: Workspace, files: Files) -> None:
        """Refuse what ``check`` has an error against; raises InvalidWorkspace."""

    def plan(self, workspace: Workspace, files: Files, nodes: int | None, machine: InstanceType | None) -> Plan:
        """As ``make_plan`` for a cluster; raises what it raises."""

    def nodes_are_brought(self, workspace: Workspace) -> bool:
        """Whether its provisioner takes nodes that the user brings; raises PluginError where there is none."""

    def asks_others(self, workspace: Workspace) -> bool:
        """Whether planning it has to ask a model hub."""

    def runtime(self, name: str) -> Runtime:
        """The runtime of that name, with its settings; raises PluginError and ConfigError."""


@dataclass(frozen=True, slots=True)
class Planned:
    """The Plan, or why there is none; ``uid`` and ``inputs`` tell of what.

    ``fresh`` is judged anew with every pass, what has a ``retry_at`` (of the monotonic clock) once that is over.
    ``newer`` tells that what would be chosen today differs from what is on record.
    """

    uid: str | None
    inputs: str
    plan: Plan | None = None
    trouble: Trouble | None = None
    fresh: bool = False
    retry_at: float | None = None
    newer: bool = False

    def holds_for(self, workspace: Workspace, inputs: str) -> bool:
        """Whether it is of this very Workspace, as it is written now."""
        over = self.retry_at is not None and time.monotonic() >= self.retry_at
        return (self.uid, self.inputs) == (workspace.metadata.uid, inputs) and not over


class Plans:
    """The Plan of each Workspace.

    A record in the status pins what was chosen, so that another version, price list or default moves nothing. A
    refusal holds until something is changed; what only waits for nodes is tried with every pass.
    """

    def __init__(
        self,
        planner: Planner,
        configs: ConfigFiles,
        ledger: Ledger,
        tasks: Tasks,
        nodes: Callable[[Mapping[str, str]], Iterable[Mapping[str, Any]]],
        call: Callable[[Key, float], None],
    ) -> None:
        """``nodes`` finds those that carry some labels; ``call`` has a Workspace looked at after some seconds."""
        self._planner, self._configs, self._ledger = planner, configs, ledger
        self._tasks, self._nodes, self._call = tasks, nodes, call
        self._known: dict[Key, Planned] = {}
        self._runtimes: dict[str, Runtime] = {}

    def runtime(self, name: str) -> Runtime:
        """The runtime that a Plan names, which may bring objects of its own; raises as the planner's."""
        if name not in self._runtimes:
            self._runtimes[name] = self._planner.runtime(name)
        return self._runtimes[name]

    def of(self, key: Key, workspace: Workspace, status: WorkspaceStatus | None) -> Planned | None:
        """What holds now; None while something has to be fetched first."""
        files = self._configs.of(workspace)
        if files is None:
            return None
        recorded = status.plan.inputs if status is not None and status.plan else None
        word = workspace.metadata.annotations.get(ROLLOUT, "")
        inputs = with_rollout(inputs_digest(workspace, files), word, recorded)
        known = self._known.get(key)
        if known is not None and known.holds_for(workspace, inputs) and not known.fresh:
            return known
        if self._planner.asks_others(workspace) and not (known and known.holds_for(workspace, inputs)):
            make = partial(self._make, key, workspace, status, files, inputs)
            self._tasks.submit(("plan", key), make, partial(self._call, key, 0.0))
            return None
        return self._make(key, workspace, status, files, inputs)

    def known(self, key: Key) -> Plan | None:
        """The Plan that was made last, None where there is none."""
        found = self._known.get(key)
        return found.plan if found else None

    def forget(self, key: Key) -> None:
        """The Workspace is gone; what it kept others from having is theirs."""
        self._known.pop(key, None)
        for other in self._ledger.release(key):
            self._known.pop(other, None)
            self._call(other, 0.0)

    def _make(
        self, key: Key, workspace: Workspace, status: WorkspaceStatus | None, files: Files, inputs: str
    ) -> Planned:
        record = status.plan if status is not None and status.plan and status.plan.inputs == inputs else None
        uid = workspace.metadata.uid
        try:
            plan, newer = self._decide(workspace, status, files, record)
            self._ledger.admit(key, plan, recorded=record is not None)
            found = Planned(uid, inputs, plan=replace(plan, inputs=inputs), newer=newer)
        except InvalidWorkspace as error:
            found = Planned(uid, inputs, trouble=Trouble(_reason(error), error.message))
        except NotYet as error:
            found = Planned(uid, inputs, trouble=Trouble(error.reason, error.message), fresh=True)
        except TargetError as error:
            # The hub may answer later; whoever asks it is a task, not a pass.
            trouble, due = Trouble(error.reason, error.message), time.monotonic() + RETRY_S
            found = Planned(uid, inputs, trouble=trouble, retry_at=due)
            self._call(key, RETRY_S)
        except LLMwrightError as error:
            text = f"{error.message} ({error.hint})" if error.hint else error.message
            found = Planned(uid, inputs, trouble=Trouble(error.reason, text))
        self._known[key] = found
        return found

    def _decide(
        self, workspace: Workspace, status: WorkspaceStatus | None, files: Files, record: PlanRecord | None
    ) -> tuple[Plan, bool]:
        """The Plan, and whether another runtime would be chosen today, or the same be run otherwise."""
        before, nodes = status.plan if status is not None else None, settled_nodes(workspace, status, record)
        if record is None:
            self._planner.admit(workspace, files)
        free = workspace if nodes is None or before is None else on_machines(workspace, before)
        chosen = pinned(workspace, record) if record else free
        machine = None
        if self._planner.nodes_are_brought(chosen):
            selector = workspace.resource.label_selector
            machine = machine_of(self._nodes(unreserved(selector.match_labels) if selector else {}))
        plan = self._planner.plan(chosen, files, nodes, machine)
        if record is None or chosen == free:
            return plan, False
        try:
            return plan, _differs(plan, self._planner.plan(free, files, nodes, machine))
        except LLMwrightError:
            return plan, False


def on_machines(workspace: Workspace, record: PlanRecord) -> Workspace:
    """``workspace`` on the machines that were chosen for it: what runs may move, what was bought does not."""
    resource: dict[str, Any] = {"provisioner": workspace.resource.provisioner or record.provisioner}
    if workspace.resource.instance_type.lower() == "auto" and record.instance_type:
        resource["instance_type"] = record.instance_type
    return workspace.model_copy(update={"resource": workspace.resource.model_copy(update=resource)})


def pinned(workspace: Workspace, record: PlanRecord) -> Workspace:
    """``workspace`` with what was chosen for it written down, where it leaves the choice open."""
    chosen = on_machines(workspace, record)
    inference = workspace.inference
    if inference is None or inference.runtime is not None or not record.runtime:
        return chosen
    return chosen.model_copy(update={"inference": inference.model_copy(update={"runtime": record.runtime})})


def settled_nodes(workspace: Workspace, status: WorkspaceStatus | None, record: PlanRecord | None) -> int | None:
    """The number of machines that was decided first; a changed config or runtime does not move it (KAITO v0.12).

    None where nothing was decided, or where a change asks for another decision: another model, a number of copies.
    """
    if status is None or status.plan is None:
        return None
    preset, inference = workspace.preset, workspace.inference
    moved = preset is not None and preset.name != status.plan.preset
    if record is None and (moved or (inference is not None and inference.replicas is not None)):
        return None
    return status.target_node_count


def machine_of(nodes: Iterable[Mapping[str, Any]]) -> InstanceType | None:
    """What the labels of the first ready node say; None where none says anything."""
    for node in nodes:
        if is_ready(node):
            try:
                return instance_type_of_labels(node["metadata"].get("labels") or {}, node=node["metadata"]["name"])
            except ConfigError:
                continue
    return None


def _reason(error: InvalidWorkspace) -> str:
    reasons = [problem.reason for problem in error.problems if problem.severity == "error"]
    return reasons[0] if reasons and reasons[0] != "Invalid" else error.reason


def _differs(one: Plan, other: Plan) -> bool:
    return _run_by(one) != _run_by(other)


def _run_by(plan: Plan) -> tuple[str | None, str | None]:
    return plan.runtime.name if plan.runtime else None, plan.serving.digest if plan.serving else None
