"""One pass over one Workspace: observe, plan, decide, provision, apply, report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from llmwright.api.scaling import autoscaling_of, scale_patch
from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import ConfigError, InvalidWorkspace, NotYet, PluginError
from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.decision import Decision, Finish
from llmwright.lifecycle.observed import Autoscaler, Observed, Trouble
from llmwright.lifecycle.policy import Policy
from llmwright.lifecycle.waiting import is_released
from llmwright.plugins.driver_calls import described
from llmwright.plugins.drivers import Runtime
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.object_cache import Key, ObjectCache
from llmwright.targets.kubernetes.operator.apply.api_discovery import AGAIN_S
from llmwright.targets.kubernetes.operator.apply.applier import Applier, may_follow
from llmwright.targets.kubernetes.operator.apply.desired import (
    Desired,
    Renderer,
    blocked,
    without_autoscaler,
    without_starts,
)
from llmwright.targets.kubernetes.operator.apply.pod_check import PodCheck
from llmwright.targets.kubernetes.operator.apply.preconditions import Preconditions
from llmwright.targets.kubernetes.operator.apply.revisions import Revision, Revisions
from llmwright.targets.kubernetes.operator.memory import Memory
from llmwright.targets.kubernetes.operator.observe.observer import Observer
from llmwright.targets.kubernetes.operator.pass_subject import PassSubject, parsed
from llmwright.targets.kubernetes.operator.plans.plans import Plans
from llmwright.targets.kubernetes.operator.provision.provisioning import DELETION, Provisioning
from llmwright.targets.kubernetes.operator.report.reporter import Reporter
from llmwright.targets.kubernetes.operator.report.status_patch import StatusWriter, has_finalizer
from llmwright.values.plan import Plan

Object = Mapping[str, Any]

LAST_LEAVE = 12
"""After so many passes in a row, some minutes, that broke over a Workspace that is to go, it goes as it is."""


class Reconciler:
    """Carries out the lifecycle for each Workspace that it is called for, by one collaborator for each step."""

    def __init__(
        self,
        *,
        workspaces: ObjectCache,
        memory: Memory,
        plans: Plans,
        observer: Observer,
        policy: Policy,
        renderer: Renderer,
        preconditions: Preconditions,
        pod_check: PodCheck,
        provisioning: Provisioning,
        revisions: Revisions,
        applier: Applier,
        status_writer: StatusWriter,
        reporter: Reporter,
        clock: Callable[[], datetime],
    ) -> None:
        self._workspaces, self._memory, self._policy, self._clock = workspaces, memory, policy, clock
        self._plans, self._observer = plans, observer
        self._renderer, self._preconditions, self._pod_check = renderer, preconditions, pod_check
        self._provisioning, self._revisions, self._applier = provisioning, revisions, applier
        self._status_writer, self._reporter = status_writer, reporter

    def reconcile(self, key: Key) -> float | None:
        """Make one pass; return after how many seconds to make another, None where only a change matters.

        Raises:
            ApiError: a write was refused or got lost; the pass is to be made again.
        """
        live = self._workspaces.get(*key)
        if live is None:
            self._plans.freed(key, self._memory.forget(key))
            return None
        workspace, trouble = parsed(live)
        if "deletionTimestamp" in live["metadata"]:
            return self._leave(live, workspace) if has_finalizer(live) else None
        if trouble is not None:
            return self._refuse(live, workspace, trouble)
        return self._live(key, live, workspace)

    def report_error(self, key: Key, error: BaseException) -> None:
        """Report in the status that a pass ended with an error of ours; a Workspace that is to go goes in the end.

        Raises:
            ApiError: a write was refused or got lost.
        """
        live = self._workspaces.get(*key)
        if live is None:
            return
        workspace, trouble = parsed(live)[0], Trouble("InternalError", described(error))
        if "deletionTimestamp" not in live["metadata"]:
            self._refuse(live, workspace, trouble)
            return
        record = self._memory.of(key)
        record.broken_leaves += 1
        if record.broken_leaves >= LAST_LEAVE and has_finalizer(live):
            subject = self._subject(live, workspace, workspace.status, None)
            broken = Observed(deleting=True, provisioner_trouble=trouble)
            self._finish(subject, self._decide(subject, None, broken))

    def _live(self, key: Key, live: Object, workspace: Workspace) -> float | None:
        if patch := scale_patch(workspace):
            # First, and alone: it makes another generation, which the status has to tell of.
            self._status_writer.scale(live, patch)
            return 0.0
        status = self._status_writer.latest(live, workspace.status)
        try:
            carried = self._plans.carried_out(workspace, status)
        except InvalidWorkspace as error:
            return self._refuse(live, workspace, Trouble(error.problems[0].reason, error.message))
        workspace = carried.workspace
        planned = self._plans.of(key, workspace, status)
        if planned is None:
            return None
        plan = planned.plan
        subject = self._subject(live, workspace, status, plan.runtime.name if plan and plan.runtime else None)
        observed = self._observer.live(subject, planned)
        if observed is None:
            return None
        observed = replace(observed, unapplied=(*carried.unapplied, *planned.defaults))
        if plan is None:
            return self._reporter.report(subject, self._decide(subject, plan, observed)).again_in
        return self._with_plan(key, subject, plan, observed)

    def _with_plan(self, key: Key, subject: PassSubject, plan: Plan, observed: Observed) -> float | None:
        """Decide with a plan, carry it out and report it; an object that cannot be made is in the way of no other."""
        revision = self._revisions.of(key, subject.live)
        observed = self._pod_check.seen(key, plan, observed, self._renderer.render(subject, plan, revision.number))
        decision = self._decide(subject, plan, observed)
        try:
            desired = self._renderer.desired(subject, plan, revision.number, observed, decision)
            if trouble := self._preconditions.against_autoscaler(key, desired):
                observed = replace(observed, autoscaler=Autoscaler(False, trouble.reason, trouble.message))
                name = subject.workspace.name
                decision, desired = self._decide(subject, plan, observed), without_autoscaler(desired, name)
            observed, decision = self._told_of_rendering(subject, plan, observed, decision, desired)
            blockers = self._preconditions.blockers(key, desired)
        except PluginError as error:
            self._refuse(subject.live, subject.workspace, Trouble.of(error))
            return self._policy.backoff.most_s
        except NotYet:
            return AGAIN_S
        if blockers:
            autoscaled = autoscaling_of(subject.workspace) is not None
            decision = self._decide(subject, plan, blocked(observed, blockers, autoscaled=autoscaled))
            decision, desired = without_starts(decision, blockers), desired.without(blockers)
        decision = self._with_added_kinds(subject, desired, decision)
        again_in = self._carry_out(subject, plan, revision, observed, decision, desired)
        return min(AGAIN_S, again_in or AGAIN_S) if blockers or trouble else again_in

    def _told_of_rendering(
        self, subject: PassSubject, plan: Plan, observed: Observed, decision: Decision, desired: Desired
    ) -> tuple[Observed, Decision]:
        """Return both, with an update that is to be had where what runs would be rendered otherwise today."""
        if not self._applier.renders_otherwise(subject.owner, desired):
            return observed, decision
        observed = replace(observed, newer_plan=True)
        return observed, self._decide(subject, plan, observed)

    def _carry_out(
        self,
        subject: PassSubject,
        plan: Plan,
        revision: Revision,
        observed: Observed,
        decision: Decision,
        desired: Desired,
    ) -> float | None:
        """Do and report what was decided."""
        # The finalizer before all else: a Workspace that goes without it leaves its nodes behind.
        marked = self._status_writer.mark(subject.live, revision.annotations)
        if _says_more(marked, subject.live):
            # The answer shows what the decision has not seen, such as a plan whose write came late: decide again.
            return 0.0
        subject = replace(subject, live=marked)
        if not may_follow(decision, observed, subject.workspace.status):
            # The status before the acts: after a crash, what was bought or deleted is found by its record alone.
            reported = self._reporter.report(subject, decision)
            if not reported.recorded:
                return reported.again_in
            return 0.0 if self._act(subject, plan, revision, decision, desired) else reported.again_in
        # The status after the acts: where the server is ready at once, one write tells both.
        try:
            refused = self._act(subject, plan, revision, decision, desired)
        except ApiError:
            self._reporter.report(subject, decision)
            raise
        return 0.0 if refused else self._reporter.report(subject, decision, may_wait=True).again_in

    def _act(self, subject: PassSubject, plan: Plan, revision: Revision, decision: Decision, desired: Desired) -> bool:
        """Carry out a decision; return whether an object was refused, so that the next pass has to report it."""
        if is_released(decision.status):
            self._plans.gave_back(subject.key)
        self._revisions.keep(subject.key, revision)
        self._provisioning.carry_out(subject.key, plan.provisioner.name, plan.inputs, decision.actions)
        refused = self._applier.apply(subject.owner, decision, desired)
        if subject.runtime is not None and subject.runtime.serves_as is not None:
            self._applier.correct(subject.owner, subject.runtime)
        return refused

    def _leave(self, live: Object, workspace: Workspace) -> float | None:
        record = workspace.status.plan if workspace.status else None
        with suppress(InvalidWorkspace):
            workspace = self._plans.carried_out(workspace, workspace.status).workspace
        subject = self._subject(live, workspace, workspace.status, record.runtime if record else None)
        observed = self._observer.leaving(subject)
        if observed is None:
            return None
        decision = self._decide(subject, None, observed)
        if any(isinstance(action, Finish) for action in decision.actions):
            self._finish(subject, decision)
            return None
        again_in = self._reporter.report(subject, decision).again_in
        self._applier.stop(subject.owner, decision)
        if record is not None:
            self._provisioning.carry_out(subject.key, record.provisioner, DELETION, decision.actions)
        return again_in

    def _finish(self, subject: PassSubject, decision: Decision) -> None:
        # Events before the finalizer: without it, the Workspace that they are about is gone.
        self._reporter.events(subject, decision)
        self._status_writer.release(subject.live)

    def _refuse(self, live: Object, workspace: Workspace, trouble: Trouble) -> float | None:
        subject = self._subject(live, workspace, workspace.status, None)
        return self._reporter.report(subject, self._decide(subject, None, Observed(plan_trouble=trouble))).again_in

    def _decide(self, subject: PassSubject, plan: Plan | None, observed: Observed) -> Decision:
        return decide(subject.workspace, plan, observed, subject.status, subject.now, self._policy)

    def _with_added_kinds(self, subject: PassSubject, desired: Desired, decision: Decision) -> Decision:
        """Return ``decision`` with a status that names the kinds of objects that plugins add."""
        kinds = self._preconditions.added_kinds(subject.owner, desired)
        if kinds == decision.status.object_kinds:
            return decision
        return replace(decision, status=decision.status.model_copy(update={"object_kinds": kinds}))

    def _subject(
        self, live: Object, workspace: Workspace, status: WorkspaceStatus | None, runtime: str | None
    ) -> PassSubject:
        return PassSubject(
            live=live, workspace=workspace, status=status, runtime=self._runtime(runtime), now=self._clock()
        )

    def _runtime(self, name: str | None) -> Runtime | None:
        """Return the runtime of that name; None for one that cannot be used, which planning refuses."""
        try:
            return self._plans.runtime(name) if name else None
        except (PluginError, ConfigError):
            return None


def _says_more(answer: Object, read: Object) -> bool:
    """Return whether a Workspace changed since it was read, apart from metadata."""
    before, after = read["metadata"], answer["metadata"]
    return before.get("generation") != after.get("generation") or read.get("status") != answer.get("status")
