"""Rights on a cluster: of the person who asks, by the verbs that need them, and of the operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from llmwright.errors import TargetError
from llmwright.plugins.drivers import AccessRule
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import (
    ACCESS_REVIEWS,
    OWN_ACCESS_REVIEWS,
    RULES_REVIEWS,
    SELF_REVIEWS,
)
from llmwright.targets.kubernetes.commands.access import explained, lacking_right, role_for
from llmwright.values.nodes import Finding

AT_ONCE = 8
"""Questions that are under way at a time: there are a hundred of them, and a round trip may be long."""
OURS = "kaito.sh"
ROLES = ("llmwright-view", "view", "llmwright-edit", "edit", "cluster-admin")
"""ClusterRoles, those that have more after those that have less: `edit` takes up `llmwright-edit`."""
OPERATORS = "rights of the operator"
FROM_ROLE = "`helm upgrade` gives the roles of this version, and `llmwright rbac` prints them"


@dataclass(frozen=True, slots=True)
class Right:
    """One right, in Kubernetes' words; ``resource`` with its subresource."""

    verb: str
    group: str
    resource: str

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}{'.' if self.group else ''}{self.group}"


def _rights(verbs: str, *resources: str) -> tuple[Right, ...]:
    """Return the rights to ``verbs`` on each of ``resources``, which are written as ``plural.group``."""
    found = []
    for resource in resources:
        plural, _, group = resource.partition(".")
        # A subresource stands after the plural: ``workspaces/scale.kaito.sh``.
        found += [Right(verb, group, plural) for verb in verbs.split()]
    return tuple(found)


READING = "get, wait"
"""The verbs that everybody needs who has to do with Workspaces."""
COMMANDS: tuple[tuple[str, tuple[Right, ...]], ...] = (
    (READING, _rights("get list", f"workspaces.{OURS}")),
    (
        "describe",
        _rights("list", "statefulsets.apps", "jobs.batch", "services", "pods", "events"),
    ),
    ("logs", (*_rights("list", "pods"), *_rights("get", "pods/log"))),
    (
        "apply, stop, start, delete",
        (*_rights("create patch delete", f"workspaces.{OURS}"), *_rights("patch", f"workspaces/scale.{OURS}")),
    ),
    ("rollout", (*_rights("list", "controllerrevisions.apps"), *_rights("patch", "statefulsets.apps"))),
    ("chat, bench", (*_rights("get", "services", "pods"), *_rights("create", "pods/portforward"))),
)
"""The rights that each group of verbs needs in the Workspace's namespace."""


def own_rights(api: Api, namespace: str) -> Iterator[Finding]:
    """Yield for each verb whether the person who asks may do what it needs in ``namespace``.

    A right that a role leaves out on purpose is no fault of the cluster. Without those of ``READING`` nothing works.
    """
    user = who(api)
    for verbs, needed in COMMANDS:
        about = f"rights for {verbs}"
        try:
            lacking = _lacking_of(api, OWN_ACCESS_REVIEWS, {}, needed, namespace)
        except ApiError as error:
            yield Finding(about=about, state="unchecked", message=explained(error, api).message)
            continue
        if not lacking:
            yield Finding(about=about, state="ok", message=f"{user} has them in namespace {namespace}")
            continue
        # The one whose role has the others too.
        most = max(lacking, key=lambda right: ROLES.index(role_for(right.group, right.resource, right.verb)))
        refused = lacking_right(user, most.verb, most.group, most.resource, namespace)
        names = ", ".join(map(str, lacking))
        state: Any = "problem" if verbs == READING else "unchecked"
        message = f"{user} lacks {names} in namespace {namespace}"
        yield Finding(about=about, state=state, message=message, hint=refused.hint)


def who(api: Api) -> str:
    """Return the name by which the cluster knows who asks; ``you`` where it does not tell."""
    with suppress(ApiError):
        answer = api.create(SELF_REVIEWS, {"metadata": {"name": ""}})
        return str(answer["status"]["userInfo"]["username"])
    return "you"


def rights_of_account(api: Api, account: str, rules: Iterable[AccessRule]) -> Finding:
    """Return whether the operator's account has all that it needs; only who may ask about others learns it."""
    needed = tuple(
        Right(verb, rule.group, resource) for rule in rules for resource in rule.resources for verb in rule.verbs
    )
    try:
        lacking = _lacking_of(api, ACCESS_REVIEWS, {"user": account}, needed, None)
    except ApiError as error:
        refused = explained(error, api)
        return Finding(about=OPERATORS, state="unchecked", message=refused.message, hint=refused.hint)
    if not lacking:
        return Finding(about=OPERATORS, state="ok", message="all that it and the drivers in use need")
    message = f"{account} may not: {', '.join(map(str, lacking))}"
    return Finding(about=OPERATORS, state="problem", message=message, hint=FROM_ROLE)


def _lacking_of(
    api: Api, reviews: Any, subject: Mapping[str, Any], needed: Sequence[Right], namespace: str | None
) -> list[Right]:
    def has(right: Right) -> bool:
        resource, _, subresource = right.resource.partition("/")
        asked = {"verb": right.verb, "group": right.group, "resource": resource, "subresource": subresource}
        body = {"metadata": {"name": ""}, "spec": {**subject, "resourceAttributes": {**asked, "namespace": namespace}}}
        return bool((api.create(reviews, body).get("status") or {}).get("allowed"))

    with ThreadPoolExecutor(AT_ONCE, "rights") as pool:
        return [right for right, allowed in zip(needed, pool.map(has, needed), strict=True) if not allowed]


def rights_of_process(api: Api, rules: Iterable[AccessRule], *, in_pod: bool) -> Finding:
    """Return whether who asks could be the operator; in its pod it must be, and a person needs less."""
    about = "rights"
    try:
        answer = api.create(RULES_REVIEWS, {"metadata": {"name": ""}, "spec": {"namespace": "default"}})
    except TargetError as error:
        return Finding(about=about, state="unchecked", message=error.message)
    status = answer.get("status") or {}
    lacking = sorted(_lacking(rules, status.get("resourceRules") or []))
    if not lacking:
        return Finding(about=about, state="ok", message="all that the operator and its drivers need")
    # Each of them: who writes the role needs the last one too.
    message = f"who asks here may not: {', '.join(lacking)}"
    hint = "the operator's service account must: give it the ClusterRole of the chart; in its pod this is a problem"
    state: Any = "problem" if in_pod and not status.get("incomplete") else "unchecked"
    return Finding(about=about, state=state, message=message, hint=hint)


def _lacking(needed: Iterable[AccessRule], granted: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for rule in needed:
        for resource in rule.resources:
            verbs = [
                verb for verb in rule.verbs if not any(_grants(each, rule.group, resource, verb) for each in granted)
            ]
            if verbs:
                yield f"{'/'.join(verbs)} {resource}{'.' if rule.group else ''}{rule.group}"


def _grants(granted: Mapping[str, Any], group: str, resource: str, verb: str) -> bool:
    if granted.get("resourceNames"):
        return False
    wanted = (("apiGroups", group), ("resources", resource), ("verbs", verb))
    return all({"*", word} & set(granted.get(field) or ()) for field, word in wanted)
