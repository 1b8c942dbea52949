"""The cluster, as the doctor sees it: reach, the definition of Workspaces, and rights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llmwright.errors import ConfigError, TargetError
from llmwright.values.nodes import Finding

if TYPE_CHECKING:
    from llmwright.app.session import Session
    from llmwright.plugins.drivers import AccessRule
    from llmwright.targets.kubernetes.cluster.api_client import Api

NAMES_SHOWN = 5
APPLY_CRD = "llmwright crd | kubectl apply --server-side -f -"


def cluster_or_none(kubeconfig: str | None) -> Api | None:
    """Return a client of the cluster; None where none is configured that can be used."""
    from llmwright.targets.kubernetes.cluster.kubeconfig import connect

    try:
        return connect(kubeconfig)
    except ConfigError:
        return None


def cluster_findings(session: Session, kubeconfig: str | None) -> tuple[Api | None, tuple[Finding, ...]]:
    """Return a client of the cluster, None where it cannot be used, and the findings about it."""
    from llmwright.targets.kubernetes.cluster.kubeconfig import connect

    try:
        api = connect(kubeconfig)
    except ConfigError as error:
        # Without a word of a cluster nobody may want one.
        state: Any = "problem" if kubeconfig else "unchecked"
        return None, (Finding(about="cluster", state=state, message=error.message, hint=error.hint),)
    try:
        served = {kind["name"] for kind in api.kinds("kaito.sh/v1beta1")}
    except TargetError as error:
        hint = "see that the API server runs, and that the kubeconfig's server and credentials are right"
        return None, (Finding(about="cluster", state="problem", message=error.message, hint=hint),)
    reached = Finding(about="cluster", state="ok", message=f"{api.configuration.host} answers")
    return api, (reached, _definition(api, "workspaces" in served), *_rights(session, api), *_kinds(session, api))


def _definition(api: Api, served: bool) -> Finding:
    from llmwright.api.crd_fields import lacking_fields
    from llmwright.targets.kubernetes.cluster.api_resources import CRDS

    about = "Workspace definition"
    if not served:
        message = "the cluster does not serve workspaces.kaito.sh/v1beta1"
        return Finding(about=about, state="problem", message=message, hint=f"`{APPLY_CRD}`")
    try:
        installed = api.get(CRDS, None, "workspaces.kaito.sh")
    except TargetError as error:
        return Finding(about=about, state="unchecked", message=f"served, and not to be read: {error.message}")
    lacking = lacking_fields(installed)
    if lacking:
        rest = f" and {len(lacking) - NAMES_SHOWN} more" if len(lacking) > NAMES_SHOWN else ""
        message = f"it is another's, or older: it lacks {', '.join(lacking[:NAMES_SHOWN])}{rest}"
        return Finding(about=about, state="problem", message=message, hint=f"`{APPLY_CRD}`")
    return Finding(about=about, state="ok", message="the cluster serves all fields of this version")


def _rights(session: Session, api: Api) -> Iterator[Finding]:
    from llmwright.targets.kubernetes.cluster.api_resources import RULES_REVIEWS
    from llmwright.targets.kubernetes.operator.rbac import RULES

    about = "rights"
    try:
        answer = api.create(RULES_REVIEWS, {"metadata": {"name": ""}, "spec": {"namespace": "default"}})
    except TargetError as error:
        yield Finding(about=about, state="unchecked", message=error.message)
        return
    status = answer.get("status") or {}
    lacking = sorted(_lacking((*RULES, *session.driver_set.access_rules()), status.get("resourceRules") or []))
    if not lacking:
        yield Finding(about=about, state="ok", message="all that the operator and the installed drivers need")
        return
    # Each of them: who writes the role needs the last one too.
    message = f"who asks here may not: {', '.join(lacking)}"
    hint = "the operator's service account must: give it the ClusterRole of the chart; in its pod this is a problem"
    yield Finding(
        about=about, state="unchecked" if status.get("incomplete") else _severity(), message=message, hint=hint
    )


def _kinds(session: Session, api: Api) -> Iterator[Finding]:
    """Yield whether the cluster serves the kinds by which installed runtimes serve."""
    for name in session.registry.names("runtime"):
        runtime = session.driver_set.find_runtime(name)
        watch = runtime.serves_as if runtime is not None else None
        if watch is None:
            continue
        about, kind = f"objects of runtime {name}", f"{watch.plural}.{watch.group}"
        try:
            served = {entry["name"] for entry in api.kinds(f"{watch.group}/{watch.version}")}
        except TargetError as error:
            yield Finding(about=about, state="unchecked", message=error.message)
            continue
        if watch.plural in served:
            yield Finding(about=about, state="ok", message=f"the cluster serves {kind}")
        else:
            chosen = name == session.settings.runtime or name in session.settings.plugins.runtime
            # What nobody asked for stands in nobody's way.
            state: Any = "problem" if chosen else "unchecked"
            message = f"the cluster does not serve {kind}"
            yield Finding(about=about, state=state, message=message, hint=watch.brought_by)


def _severity() -> Any:
    """A person needs fewer rights than the operator's own pod."""
    from llmwright.targets.kubernetes.cluster.kubeconfig import in_cluster

    return "problem" if in_cluster() else "unchecked"


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
