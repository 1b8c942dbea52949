"""One pass over one Workspace: observe, decide, act, and record what changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from modelwright.api.document import Document
from modelwright.api.parsing import validate_workspace
from modelwright.api.status import WorkspaceStatus
from modelwright.api.versions import V1BETA1
from modelwright.api.workspace import ObjectMeta, Workspace
from modelwright.errors import InvalidWorkspace, PluginError
from modelwright.lifecycle.conditions import rfc3339
from modelwright.lifecycle.decide import decide
from modelwright.lifecycle.decision import Decision, Event, Finish, Provision, Release, Start, Stop
from modelwright.lifecycle.digest import digest
from modelwright.lifecycle.observed import Observed, Role, Trouble
from modelwright.lifecycle.policy import Policy
from modelwright.plugins.hooks import Hooks
from modelwright.settings.model import Settings
from modelwright.targets.kubernetes.cluster.api import Api
from modelwright.targets.kubernetes.cluster.failures import INVALID, ApiError
from modelwright.targets.kubernetes.cluster.resource import CONTROLLER_REVISIONS
from modelwright.targets.kubernetes.cluster.store import Key
from modelwright.targets.kubernetes.manifests import Manifests, Rendering, reviewed
from modelwright.targets.kubernetes.operator.caches import Caches
from modelwright.targets.kubernetes.operator.children import Children, rendered, wanted_services
from modelwright.targets.kubernetes.operator.observing import Observer, owner_of
from modelwright.targets.kubernetes.operator.planning import Plans
from modelwright.targets.kubernetes.operator.provisioning import Provisioning
from modelwright.targets.kubernetes.operator.recording import Recorder, has_finalizer
from modelwright.targets.kubernetes.operator.revisions import Revision, revision_of
from modelwright.targets.kubernetes.operator.tasks import Tasks
from modelwright.values.launch import Launch
from modelwright.values.plan import Plan

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
    hooks: Hooks
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The objects that one pass writes: of the roles that start, and of a server that is to stay as it is.

    Of a launch that is not planned any more, only the Services stay as rendered.
    """

    starting: Mapping[Role, Manifests] = field(default_factory=dict)
    standing: Manifests = ()


class Reconciler:
    """Carries out the lifecycle for whatever Workspace it is told of."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._caches, self._plans = parts, parts.caches, parts.plans
        self._children = Children(parts.api, parts.caches)
        self._observer = Observer(parts.caches, self._children, parts.provisioning)
        self._recorder = Recorder(parts.api, parts.caches.workspaces)
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
        waits = planned.fresh
        observed = self._observer.live(workspace, planned.plan, planned.trouble, status, now, waits=waits)
        if observed is None:
            return None
        decision = decide(workspace, planned.plan, observed, status, now, self._policy)
        if planned.plan is None:
            return self._record(raw, workspace, decision, now)
        revision = revision_of(raw, self._caches.of(CONTROLLER_REVISIONS).of(key))
        try:
            wanted = self._wanted(workspace, planned.plan, revision, observed, decision)
        except PluginError as error:
            text = f"{error.message} ({error.hint})" if error.hint else error.message
            self._refuse(raw, workspace, Trouble(error.reason, text))
            return self._policy.backoff_most_s
        return self._carry_out(raw, workspace, planned.plan, revision, wanted, decision, now)

    def _leave(self, raw: Object, workspace: Workspace) -> float | None:
        now = self._parts.clock()
        observed = self._observer.leaving(workspace, workspace.status, now)
        if observed is None:
            return None
        decision = decide(workspace, None, observed, workspace.status, now, self._policy)
        if any(isinstance(action, Finish) for action in decision.actions):
            self._tell(raw, decision.events, now)
            self._recorder.release(raw)
            return None
        again_in = self._record(raw, workspace, decision, now)
        record = workspace.status.plan if workspace.status else None
        for action in decision.actions:
            if isinstance(action, Stop):
                self._children.stop(owner_of(workspace), action)
            elif isinstance(action, Release | Provision) and record is not None:
                self._parts.provisioning.carry_out((workspace.namespace, workspace.name), record.provisioner, action)
        return again_in

    def _refuse(self, raw: Object, workspace: Workspace, trouble: Trouble) -> float | None:
        now = self._parts.clock()
        decision = decide(workspace, None, Observed(plan_trouble=trouble), workspace.status, now, self._policy)
        return self._record(raw, workspace, decision, now)

    def _carry_out(
        self,
        raw: Object,
        workspace: Workspace,
        plan: Plan,
        revision: Revision,
        wanted: Wanted,
        decision: Decision,
        now: datetime,
    ) -> float | None:
        """The record of the plan is written before anything is done."""
        raw = self._recorder.mark(raw, revision.annotations)
        again_in = self._record(raw, workspace, decision, now)
        self._keep(workspace, revision)
        owner = owner_of(workspace)
        for action in decision.actions:
            if isinstance(action, Start):
                self._children.start(owner, action, wanted.starting[action.role])
            elif isinstance(action, Stop):
                self._children.stop(owner, action)
            elif isinstance(action, Provision | Release):
                key = (workspace.namespace, workspace.name)
                self._parts.provisioning.carry_out(key, plan.provisioner.name, action)
        self._children.repair(owner, wanted.standing)
        return again_in

    def _wanted(
        self, workspace: Workspace, plan: Plan, revision: Revision, observed: Observed, decision: Decision
    ) -> Wanted:
        """All objects that this pass writes, looked at by every plugin before the first is written.

        Raises:
            PluginError: the provisioner or a plugin that looks at objects cannot be used.
        """
        starts = [action for action in decision.actions if isinstance(action, Start)]
        touched = {action.role for action in decision.actions if isinstance(action, Start | Stop)}
        stands = plan.serving is not None and "serving" not in touched and observed.serving.phase != "absent"
        if not starts and not stands:
            return Wanted()
        rendering = self._rendering(workspace, plan, revision)

        def look(role: Role, launch: Launch) -> Manifests:
            return reviewed(self._parts.hooks, rendering, plan, rendered(rendering, role, launch, plan.nodes))

        starting = {action.role: look(action.role, action.launch) for action in starts}
        if not stands or plan.serving is None:
            return Wanted(starting=starting)
        server = look("serving", plan.serving)
        current = observed.serving.digest == digest(plan.serving)
        return Wanted(starting=starting, standing=server if current else tuple(wanted_services(server)))

    def _rendering(self, workspace: Workspace, plan: Plan, revision: Revision) -> Rendering:
        return Rendering(
            workspace=workspace,
            settings=self._parts.settings,
            placement=self._parts.provisioning.placement(plan.provisioner.name, plan.nodes),
            revision=revision.number,
            inputs=plan.inputs,
        )

    def _keep(self, workspace: Workspace, revision: Revision) -> None:
        """Make the revision's object, and let go of one that is too old."""
        api, store = self._parts.api, self._caches.of(CONTROLLER_REVISIONS)
        if revision.create is not None:
            try:
                found = api.apply(CONTROLLER_REVISIONS, revision.create)
                store.put(found, expected=found)
            except ApiError as error:
                if error.code != INVALID:
                    raise
                log.warning("%s/%s: two revisions share a name: %s", workspace.namespace, workspace.name, error.message)
        if revision.outdated is not None:
            api.delete(CONTROLLER_REVISIONS, workspace.namespace, revision.outdated)
            store.forget(workspace.namespace, revision.outdated)

    def _record(self, raw: Object, workspace: Workspace, decision: Decision, now: datetime) -> float | None:
        """Write what is new; returns after how many seconds to look again. Nothing is done before it is on record."""
        written = self._recorder.status(raw, decision.status, may_wait=not (decision.actions or decision.events))
        if written.done:
            self._parts.notify(workspace, workspace.status, decision.status)
            self._tell(raw, decision.events, now)
        due = [after for after in (decision.again_in, written.again_in) if after is not None]
        return min(due, default=None)

    def _tell(self, raw: Object, events: tuple[Event, ...], now: datetime) -> None:
        about, moment = raw["metadata"], rfc3339(now)
        for event in events:
            level = logging.INFO if event.type == "Normal" else logging.WARNING
            log.log(level, "%s/%s: %s: %s", about["namespace"], about["name"], event.reason, event.message)
            work = partial(self._recorder.tell, raw, event, moment)
            self._parts.tasks.submit(("event", about["uid"], event.reason), work, lambda: None)


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
