"""The objects that one pass applies: rendered, and looked at by every plugin, before the first is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from llmwright.lifecycle.decision import Decision, Scale, Start, Stop
from llmwright.lifecycle.observed import ROLES, Autoscaler, Observed, Role, Trouble
from llmwright.plugins.hooks import Hooks
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.cluster.api_resources import KINDS, SERVICES
from llmwright.targets.kubernetes.manifests import Manifest, Manifests, RenderInput, role_objects, run_manifests_hook
from llmwright.targets.kubernetes.manifests.autoscaler import is_own_autoscaler
from llmwright.targets.kubernetes.manifests.object_metadata import role_of
from llmwright.targets.kubernetes.operator.cache.children import Children
from llmwright.targets.kubernetes.operator.pass_subject import PassSubject
from llmwright.values.launch import Launch
from llmwright.values.nodes import NodeRequest, Placement
from llmwright.values.plan import Plan

Render = Callable[[Role, Launch], Manifests]
"""Renders a role's objects and has every plugin look at them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desired:
    """The objects of the roles that start, and of those that run and stay as they are.

    ``scaled`` are those of a server that gets another number of pods. ``services`` are those of a server whose launch
    is not planned any more: nothing else of it stays as rendered.
    """

    starting: Mapping[Role, Manifests] = field(default_factory=dict)
    standing: Mapping[Role, Manifests] = field(default_factory=dict)
    services: Manifests = ()
    scaled: Manifests = ()

    @property
    def whole(self) -> dict[Role, Manifests]:
        """All objects of each role that starts or stands."""
        return {**self.standing, **self.starting}

    def without(self, roles: Mapping[Role, Trouble]) -> Desired:
        """Return the objects of all other roles."""
        starting = {role: objects for role, objects in self.starting.items() if role not in roles}
        standing = {role: objects for role, objects in self.standing.items() if role not in roles}
        return replace(self, starting=starting, standing=standing)


def without_autoscaler(desired: Desired, workspace: str) -> Desired:
    """Return the objects without the one that moves the number of copies."""

    def others(objects: Mapping[Role, Manifests]) -> dict[Role, Manifests]:
        return {
            role: tuple(manifest for manifest in manifests if not is_own_autoscaler(manifest, workspace))
            for role, manifests in objects.items()
        }

    return replace(desired, starting=others(desired.starting), standing=others(desired.standing))


class Renderer:
    """Renders for Workspaces of this cluster."""

    def __init__(
        self,
        settings: Settings,
        hooks: Hooks,
        children: Children,
        placement: Callable[[str, NodeRequest], Placement],
    ) -> None:
        """``placement`` is where a provisioner, by its name, lets the workload run; raises PluginError."""
        self._settings, self._hooks, self._children, self._placement = settings, hooks, children, placement

    def desired(
        self, subject: PassSubject, plan: Plan, revision: int, observed: Observed, decision: Decision
    ) -> Desired:
        """Return the objects of this pass.

        Raises:
            PluginError: the provisioner, a runtime or a plugin that looks at objects cannot be used.
        """
        owner = subject.owner
        added = bool(owner.kinds) or next(self._children.added(owner), None) is not None
        return desired_objects(plan, observed, decision, self.render(subject, plan, revision), added=added)

    def render(self, subject: PassSubject, plan: Plan, revision: int) -> Render:
        """Return what renders a role's objects; it raises as ``desired``."""

        def render(role: Role, launch: Launch) -> Manifests:
            render_input = RenderInput(
                workspace=subject.workspace,
                settings=self._settings,
                placement=self._placement(plan.provisioner.name, plan.nodes),
                revision=revision,
                inputs=plan.inputs,
                runtime=subject.runtime,
                fits=plan.fits,
            )
            objects = role_objects(render_input, role, launch, plan.nodes)
            return run_manifests_hook(self._hooks, render_input, plan, objects, role)

        return render


def desired_objects(plan: Plan, observed: Observed, decision: Decision, render: Render, *, added: bool) -> Desired:
    """Return what starts and what stands; Jobs that run are looked after only where plugins ``added`` objects.

    Raises:
        PluginError: as ``render``.
    """
    starts = [action for action in decision.actions if isinstance(action, Start)]
    starting = {start.role: render(start.role, start.launch) for start in starts}
    touched = {action.role for action in decision.actions if isinstance(action, Start | Stop)}
    launches: dict[Role, Launch | None] = {role: getattr(plan, role) for role in ROLES}
    standing: dict[Role, Manifests] = {}
    services: Manifests = ()
    for role, workload in observed.workloads():
        launch = launches[role]
        stands = workload.phase != "absent" if role == "serving" else added and workload.active
        if launch is None or role in touched or not stands:
            continue
        if workload.digest == launch.digest:
            standing[role] = render(role, launch)
        elif role == "serving":
            services = tuple(own_services(render(role, launch)))
    resized = plan.serving is not None and any(isinstance(action, Scale) for action in decision.actions)
    scaled = render("serving", plan.serving) if resized and plan.serving is not None else ()
    return Desired(starting=starting, standing=standing, services=services, scaled=scaled)


def own_services(objects: Manifests) -> Iterator[Manifest]:
    """Yield the core's own Services among the objects of a role."""
    return (manifest for manifest in objects if KINDS.get(manifest["kind"]) == SERVICES and role_of(manifest) is None)


def blocked(observed: Observed, blockers: Mapping[Role, Trouble], *, autoscaled: bool = False) -> Observed:
    """Return ``observed`` with what keeps roles from starting; what runs goes on running.

    Of a server that runs, is to be ``autoscaled`` and has no autoscaler yet, its condition tells what was refused.
    """
    workloads = {
        role: replace(workload, reason=blockers[role].reason, message=blockers[role].message)
        for role, workload in observed.workloads()
        if role in blockers and workload.phase == "absent"
    }
    trouble = blockers.get("serving")
    if autoscaled and trouble is not None and observed.autoscaler is None and observed.serving.active:
        observed = replace(observed, autoscaler=Autoscaler(False, trouble.reason, trouble.message))
    return replace(observed, **workloads)  # type: ignore[arg-type]


def without_starts(decision: Decision, blockers: Mapping[Role, Trouble]) -> Decision:
    """Return ``decision`` without the start of roles that are blocked."""
    actions = (action for action in decision.actions if not (isinstance(action, Start) and action.role in blockers))
    return replace(decision, actions=tuple(actions))
