"""The objects that one pass writes; pure but for the look that it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from llmwright.lifecycle.decision import Decision, Start, Stop
from llmwright.lifecycle.observed import ROLES, Observed, Role, Trouble
from llmwright.targets.kubernetes.manifests import Manifests
from llmwright.targets.kubernetes.operator.apply.children import wanted_services
from llmwright.values.launch import Launch
from llmwright.values.plan import Plan

Look = Callable[[Role, Launch], Manifests]
"""Renders a role's objects and has every plugin look at them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Of the roles that start, of those that run and are to stay as they are, and of a server that is outdated.

    Of a launch that is not planned any more, only the Services stay as rendered.
    """

    starting: Mapping[Role, Manifests] = field(default_factory=dict)
    standing: Mapping[Role, Manifests] = field(default_factory=dict)
    services: Manifests = ()

    @property
    def whole(self) -> dict[Role, Manifests]:
        """All objects of each role that starts or stands."""
        return {**self.standing, **self.starting}

    def without(self, roles: Mapping[Role, Trouble]) -> Wanted:
        """The same for all other roles."""
        starting = {role: found for role, found in self.starting.items() if role not in roles}
        standing = {role: found for role, found in self.standing.items() if role not in roles}
        return replace(self, starting=starting, standing=standing)


def wanted_objects(plan: Plan, observed: Observed, decision: Decision, look: Look, *, brought: bool) -> Wanted:
    """What is started, and what stands; jobs are looked after only where plugins have ``brought`` anything.

    Raises:
        PluginError: a plugin that looks at objects, or brings some, cannot be used.
    """
    starts = [action for action in decision.actions if isinstance(action, Start)]
    starting = {start.role: look(start.role, start.launch) for start in starts}
    touched = {action.role for action in decision.actions if isinstance(action, Start | Stop)}
    launches: dict[Role, Launch | None] = {role: getattr(plan, role) for role in ROLES}
    standing: dict[Role, Manifests] = {}
    services: Manifests = ()
    for role, found in observed.workloads():
        launch = launches[role]
        stands = found.phase != "absent" if role == "serving" else brought and found.active
        if launch is None or role in touched or not stands:
            continue
        if found.digest == launch.digest:
            standing[role] = look(role, launch)
        elif role == "serving":
            services = tuple(wanted_services(look(role, launch)))
    return Wanted(starting=starting, standing=standing, services=services)


def hindered(observed: Observed, troubles: Mapping[Role, Trouble]) -> Observed:
    """``observed`` with what keeps roles from starting; what runs goes on running."""
    told = {
        role: replace(found, reason=troubles[role].reason, message=troubles[role].message)
        for role, found in observed.workloads()
        if role in troubles and found.phase == "absent"
    }
    return replace(observed, **told)  # type: ignore[arg-type]


def without_starts(decision: Decision, troubles: Mapping[Role, Trouble]) -> Decision:
    """``decision`` but for the start of roles that are hindered."""
    actions = (one for one in decision.actions if not (isinstance(one, Start) and one.role in troubles))
    return replace(decision, actions=tuple(actions))
