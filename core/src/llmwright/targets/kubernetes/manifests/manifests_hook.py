"""The last look at what was rendered, by whoever answers the hook ``manifests``."""

from __future__ import annotations

from collections.abc import Mapping

from llmwright.errors import PluginContract
from llmwright.lifecycle.observed import Role
from llmwright.plugins.hooks import Hooks
from llmwright.targets.kubernetes.manifests.plugin_objects import ROLE, annotated, identity, owned, role_of
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput
from llmwright.targets.kubernetes.manifests.workspace_objects import Manifests, role_objects
from llmwright.values.plan import Plan

WORKLOADS = frozenset({"Job", "StatefulSet"})
LOOK = "a plugin's hook manifests"


def reviewed(
    hooks: Hooks, rendering: RenderInput, plan: Plan | None, objects: Manifests, role: Role = "serving"
) -> Manifests:
    """``objects`` of one role as the hooks leave them, each still the Workspace's own.

    What is not the core's carries the annotation ``ROLE``, so that it is known again and goes with its role. What runs
    comes last: nothing is started while a rule that goes with it is refused.

    Raises:
        PluginContract: a plugin failed, answered with what is no object, or took the workload away.
    """
    found = hooks.revise("manifests", "objects", objects, items=Mapping, workspace=rendering.workspace, plan=plan)
    core = {identity(one) for one in objects if role_of(one) is None}
    kept = tuple(_signed(owned(rendering, one, LOOK), core, role) for one in found)
    workloads = {identity(one) for one in objects if _runs(one, objects)}
    missing = workloads - {identity(one) for one in kept}
    if missing:
        taken = ", ".join(f"{kind} {name}" for _, kind, name in sorted(missing))
        raise PluginContract(f"{LOOK} took away {taken}", hint="let it return every workload")
    return tuple(sorted(kept, key=lambda one: identity(one) in workloads))


def complete(hooks: Hooks, rendering: RenderInput, plan: Plan) -> Manifests:
    """Everything that ``plan`` will apply in the course of time, role by role, as ``reviewed`` leaves it.

    An object that several roles have is told once, as the last leaves it.
    """
    launches: dict[Role, Manifests] = {}
    roles: tuple[Role, ...] = ("preflight", "tuning", "serving")
    for role in roles:
        launch = getattr(plan, role)
        if launch is not None:
            launches[role] = role_objects(rendering, role, launch, plan.nodes)
    found = [one for role, given in launches.items() for one in reviewed(hooks, rendering, plan, given, role)]
    return tuple({identity(one): one for one in found}.values())


def _signed(found: Manifest, core: set[tuple[str, str, str]], role: Role) -> Manifest:
    return found if identity(found) in core else annotated(found, {ROLE: role})


def _runs(found: Manifest, objects: Manifests) -> bool:
    """Whether it runs the role: the last of what was rendered does."""
    return found is objects[-1] or (found["kind"] in WORKLOADS and role_of(found) is None)
