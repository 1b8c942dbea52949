"""One pass over one Workspace: observe, decide, act, and record what changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from llmwright.api.document import Document
from llmwright.api.parsing import validate_workspace
from llmwright.api.status import WorkspaceStatus
from llmwright.api.versions import V1BETA1
from llmwright.api.workspace import ObjectMeta, Workspace
from llmwright.errors import ConfigError, InvalidWorkspace, NotYet, PluginError
from llmwright.lifecycle.conditions import rfc3339
from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.decision import Decision, Event, Finish, Provision, Release, Stop
from llmwright.lifecycle.observed import Observed, Role, Trouble
from llmwright.lifecycle.policy import Policy
from llmwright.plugins.drivers import Runtime
from llmwright.plugins.hooks import Hooks
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import CONTROLLER_REVISIONS
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.cluster.workqueue import Line, Workqueue
from llmwright.targets.kubernetes.manifests import Manifests, RenderInput, role_objects, run_manifests_hook
from llmwright.targets.kubernetes.operator.apply.applier import Actor, Acts, may_follow
from llmwright.targets.kubernetes.operator.apply.children import Children, Owner
from llmwright.targets.kubernetes.operator.apply.desired import Wanted, hindered, wanted_objects, without_starts
from llmwright.targets.kubernetes.operator.apply.discovery import AGAIN_S, Kinds
from llmwright.targets.kubernetes.operator.apply.preconditions import Additions
from llmwright.targets.kubernetes.operator.apply.revisions import Revision, revision_of
from llmwright.targets.kubernetes.operator.cache.informers import Caches
from llmwright.targets.kubernetes.operator.observe.observer import Observer, owner_of
from llmwright.targets.kubernetes.operator.plans.plans import Plans
from llmwright.targets.kubernetes.operator.provision.provisioning import Provisioning
from llmwright.targets.kubernetes.operator.report.status_writer import Recorder, has_finalizer
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.values.launch import Launch
from llmwright.values.plan import Plan

Object = Mapping[str, Any]
Notify = Callable[[Workspace, WorkspaceStatus | None, WorkspaceStatus], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a reconciler works with."""

    api: Api
    caches: Caches
    settings: Settings
    policy: Policy
    plans: Plans
    provisioning: Provisioning
    tasks: Tasks
    notify: Notify
    tell: Callable[[Object, Event, str], None]
    hooks: Hooks
    clock: Callable[[], datetime]
    queue: Workqueue


class Reconciler:
    """Carries out the lifecycle for whatever Workspace it is told of."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._caches, self._plans = parts, parts.caches, parts.plans
        kinds = Kinds(parts.api, parts.tasks, parts.caches.call)
        self._additions = Additions(kinds, parts.caches)
        self._children = Children(parts.api, parts.caches, kinds)
        self._observer = Observer(parts.caches, self._children, parts.provisioning)
        crowded = partial(parts.queue.holds, Line.NEW, Line.MOVED)
        self._recorder = Recorder(parts.api, parts.caches.workspaces, crowded)
        self._actor = Actor(parts.api, parts.caches, self._children, self._additions, parts.provisioning)
        self._policy = parts.policy

    def reconcile(self, key: Key) -> float | None:
        """One pass; returns after how many seconds to look again, None where only a change matters.

        Raises:
            ApiError: a write was refused or got lost; the pass is to be made again.
        """
        raw = self._caches.workspaces.get(*key)
        if raw is None:
            self._plans.forget(key)
            self._parts.provisioning.forget(key)
            self._recorder.forget(key)
            self._additions.forget(key)
            return None
        workspace, invalid = _parsed(raw)
        if "deletionTimestamp" in raw["metadata"]:
            return self._leave(raw, workspace) if has_finalizer(raw) else None
        if invalid is not None:
            return self._refuse(raw, workspace, invalid)
        return self._live(key, raw, workspace)

    def confess(self, key: Key, error: Exception) -> None:
        """Say in the status that a pass ended with an error of ours."""
        raw = self._caches.workspaces.get(*key)
        if raw is not None and "deletionTimestamp" not in raw["metadata"]:
            self._refuse(raw, _parsed(raw)[0], Trouble("InternalError", f"{type(error).__name__}: {error}"))

    def _live(self, key: Key, raw: Object, workspace: Workspace) -> float | None:
        status, now = self._recorder.latest(raw, workspace.status), self._parts.clock()
        planned = self._plans.of(key, workspace, status)
        if planned is None:
            return None
        chosen = planned.plan.runtime if planned.plan is not None else None
        waits, runtime = planned.fresh, self._runtime(chosen.name if chosen is not None else None)
        observed = self._observer.live(
            workspace, planned.plan, planned.trouble, status, now, waits=waits, runtime=runtime
        )
        if observed is None:
            return None
        observed = replace(observed, newer_plan=planned.newer)
        decision = decide(workspace, planned.plan, observed, status, now, self._policy)
        if planned.plan is None:
            return self._record(raw, workspace, decision, now)
        revision = revision_of(raw, self._caches.of(CONTROLLER_REVISIONS).of(key))
        owner = owner_of(workspace, status, runtime)
        rendering = partial(self._rendering, workspace, planned.plan, revision, runtime)
        try:
            wanted = self._wanted(owner, planned.plan, rendering, observed, decision)
            troubles = self._troubles(key, wanted)
        except PluginError as error:
            text = f"{error.message} ({error.hint})" if error.hint else error.message
            self._refuse(raw, workspace, Trouble(error.reason, text))
            return self._policy.backoff.most_s
        except NotYet:
            return AGAIN_S
        if troubles:
            decision = decide(workspace, planned.plan, hindered(observed, troubles), status, now, self._policy)
            decision, wanted = without_starts(decision, troubles), wanted.without(troubles)
        decision = self._with_kinds(owner, wanted, decision)
        acts = Acts(owner, planned.plan.provisioner.name, decision, wanted, revision)
        again_in = self._carry_out(raw, workspace, acts, observed, now)
        return again_in if not troubles else min(AGAIN_S, again_in or AGAIN_S)

    def _leave(self, raw: Object, workspace: Workspace) -> float | None:
        now = self._parts.clock()
        record = workspace.status.plan if workspace.status else None
        runtime = self._runtime(record.runtime if record else None)
        observed = self._observer.leaving(workspace, workspace.status, now, runtime)
        if observed is None:
            return None
        decision = decide(workspace, None, observed, workspace.status, now, self._policy)
        if any(isinstance(action, Finish) for action in decision.actions):
            self._tell(raw, decision.events, now)
            self._recorder.release(raw)
            return None
        again_in = self._record(raw, workspace, decision, now)
        for action in decision.actions:
            if isinstance(action, Stop):
                self._children.stop(owner_of(workspace, workspace.status, runtime), action)
            elif isinstance(action, Release | Provision) and record is not None:
                self._parts.provisioning.carry_out((workspace.namespace, workspace.name), record.provisioner, action)
        return again_in

    def _refuse(self, raw: Object, workspace: Workspace, trouble: Trouble) -> float | None:
        now = self._parts.clock()
        decision = decide(workspace, None, Observed(plan_trouble=trouble), workspace.status, now, self._policy)
        return self._record(raw, workspace, decision, now)

    def _carry_out(
        self, raw: Object, workspace: Workspace, acts: Acts, observed: Observed, now: datetime
    ) -> float | None:
        """Have what was decided done and on record: before it is done, unless the record may follow."""
        decision = acts.decision
        raw = self._recorder.mark(raw, acts.revision.annotations)
        if not may_follow(decision, observed, workspace.status):
            again_in = self._record(raw, workspace, decision, now)
            return 0.0 if self._actor.act(acts) else again_in
        try:
            refused = self._actor.act(acts)
        except ApiError:
            self._record(raw, workspace, decision, now)
            raise
        return 0.0 if refused else self._record(raw, workspace, decision, now, may_wait=True)

    def _wanted(
        self, owner: Owner, plan: Plan, rendering: Callable[[], RenderInput], observed: Observed, decision: Decision
    ) -> Wanted:
        """All objects that this pass writes, looked at by every plugin before the first is written.

        Raises:
            PluginError: the provisioner, a runtime or a plugin that looks at objects cannot be used.
        """

        def look(role: Role, launch: Launch) -> Manifests:
            made = rendering()
            return run_manifests_hook(self._parts.hooks, made, plan, role_objects(made, role, launch, plan.nodes), role)

        brought = next(self._children.brought(owner), None) is not None or bool(owner.kinds)
        return wanted_objects(plan, observed, decision, look, brought=brought)

    def _troubles(self, key: Key, wanted: Wanted) -> dict[Role, Trouble]:
        """What stands in the way of each role; raises NotYet and PluginContract as ``Additions.hindrance``."""
        found = {role: self._additions.hindrance(key, role, objects) for role, objects in wanted.whole.items()}
        return {role: trouble for role, trouble in found.items() if trouble is not None}

    def _with_kinds(self, owner: Owner, wanted: Wanted, decision: Decision) -> Decision:
        """``decision`` with a status that tells which kinds have to be looked at for this Workspace."""
        kinds = self._additions.kinds(owner, self._children, wanted.whole.values())
        if kinds == decision.status.object_kinds:
            return decision
        return replace(decision, status=decision.status.model_copy(update={"object_kinds": kinds}))

    def _runtime(self, name: str | None) -> Runtime | None:
        """The runtime of that name; one that is missing says so where it is planned with."""
        try:
            return self._plans.runtime(name) if name else None
        except (PluginError, ConfigError):
            return None

    def _rendering(self, workspace: Workspace, plan: Plan, revision: Revision, runtime: Runtime | None) -> RenderInput:
        return RenderInput(
            workspace=workspace,
            settings=self._parts.settings,
            placement=self._parts.provisioning.placement(plan.provisioner.name, plan.nodes),
            revision=revision.number,
            inputs=plan.inputs,
            runtime=runtime,
        )

    def _record(
        self, raw: Object, workspace: Workspace, decision: Decision, now: datetime, *, may_wait: bool = False
    ) -> float | None:
        """Write what is new, at once where something has to be done or told; returns when to look again, in seconds."""
        may_wait = may_wait or not (decision.actions or decision.events)
        written = self._recorder.status(raw, decision.status, may_wait=may_wait)
        if written.done:
            self._parts.notify(workspace, workspace.status, decision.status)
            self._tell(raw, decision.events, now)
        due = [after for after in (decision.again_in, written.again_in) if after is not None]
        return min(due, default=None)

    def _tell(self, raw: Object, events: tuple[Event, ...], now: datetime) -> None:
        for event in events:
            self._parts.tell(raw, event, rfc3339(now))


def _parsed(raw: Object) -> tuple[Workspace, Trouble | None]:
    """The Workspace; one that cannot be read keeps its name and status, so that it can be refused and deleted."""
    try:
        return validate_workspace(Document({"apiVersion": V1BETA1, "kind": "Workspace", **raw})), None
    except InvalidWorkspace as error:
        bare = Workspace(
            api_version="kaito.sh/v1beta1",
            kind="Workspace",
            metadata=ObjectMeta.model_validate(raw["metadata"]),
            status=WorkspaceStatus.model_validate(raw.get("status") or {}),
        )
        return bare, Trouble(error.reason, error.message)
