"""Obstacles to an operator's first pass: no CRD or another's, and KAITO's own controller or webhook."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from llmwright.api.crd_fields import lacking_fields
from llmwright.settings.namespace_selector import NamespaceSelector, matches
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import (
    BESIDE_KAITO,
    CRDS,
    DEFINITION,
    KAITO_WEBHOOK,
    NAMESPACES,
    PODS,
    POLICY_BINDINGS,
    WEBHOOK_CONFIGURATIONS,
    WORKSPACES,
)
from llmwright.targets.kubernetes.cluster.listing import all_of, all_pages

Object = Mapping[str, Any]

APPLY_CRD = "llmwright crd | kubectl apply --server-side --force-conflicts -f -"
PAGE = "docs/from-kaito.md"
NAMES_SHOWN = 5

KAITO_PODS = ("app.kubernetes.io/name in (workspace,kaito-workspace)", "app=ai-toolchain-operator")
"""Labels of the pods of KAITO's controller: by its chart (v0.12), and by the add-on of AKS."""
ENDED = ("Succeeded", "Failed")

log = logging.getLogger(__name__)


class Obstacles:
    """Finds what stands in the way of passes over the namespaces of ``selector``."""

    def __init__(self, api: Api, selector: NamespaceSelector | None) -> None:
        self._looks: tuple[Callable[[], str], ...] = (lambda: _definition(api), *_looks_beside(api, selector))
        self._told: set[str] = set()

    def first(self) -> str:
        """Return the first of them; empty where there is none.

        What may not be read, with a role of an earlier version, is passed over, and logged once.

        Raises:
            ApiError: the API server does not answer.
        """
        return next(filter(None, map(self._seen, self._looks)), "")

    def _seen(self, look: Callable[[], str]) -> str:
        try:
            return look()
        except ApiError as error:
            if error.code != FORBIDDEN:
                raise
            if error.message not in self._told:
                log.warning("%s; `llmwright rbac` prints the role of this version", error.message)
            self._told.add(error.message)
            return ""


def beside(api: Api, selector: NamespaceSelector | None) -> str:
    """Return what of KAITO's own, its webhook or its controller, stands in the way; empty where nothing does.

    Raises:
        ApiError: who asks may not look, or the API server does not answer.
    """
    return next(filter(None, (look() for look in _looks_beside(api, selector))), "")


def _looks_beside(api: Api, selector: NamespaceSelector | None) -> tuple[Callable[[], str], ...]:
    return lambda: _webhook(api, selector), lambda: _controller(api, selector)


def _definition(api: Api) -> str:
    if not any(kind["name"] == WORKSPACES.plural for kind in api.kinds(WORKSPACES.api_version)):
        return f"the cluster does not serve {WORKSPACES}/{WORKSPACES.version}: `{APPLY_CRD}`"
    lacking = lacking_fields(api.get(CRDS, None, DEFINITION))
    if not lacking:
        return ""
    rest = f" and {len(lacking) - NAMES_SHOWN} more" if len(lacking) > NAMES_SHOWN else ""
    names = ", ".join(lacking[:NAMES_SHOWN])
    return (
        f"the CRD {DEFINITION} is KAITO's or of an older version: it lacks {names}{rest}, which the API server would "
        f"drop from every Workspace: `{APPLY_CRD}` ({PAGE})"
    )


def _webhook(api: Api, selector: NamespaceSelector | None) -> str:
    live = api.find(WEBHOOK_CONFIGURATIONS, None, KAITO_WEBHOOK)
    if live is None:
        return ""
    judged = next(_judged(api, live, selector), None)
    if judged is None:
        return ""
    return (
        f"KAITO's webhook {KAITO_WEBHOOK} judges the Workspaces of namespace {judged}, and refuses fields that KAITO "
        f"does not have: `kubectl delete {WEBHOOK_CONFIGURATIONS} {KAITO_WEBHOOK}` where KAITO is gone, else see {PAGE}"
    )


def _judged(api: Api, live: Object, selector: NamespaceSelector | None) -> Iterator[str]:
    """Yield the namespaces of ours whose Workspaces a webhook of ``live`` is asked about."""
    selectors = [webhook.get("namespaceSelector") or {} for webhook in live.get("webhooks") or []]
    for namespace in all_of(api, NAMESPACES) or []:
        labels = namespace["metadata"].get("labels") or {}
        ours = selector is None or matches(selector, labels)
        if ours and any(matches(NamespaceSelector.model_validate(theirs), labels) for theirs in selectors):
            yield str(namespace["metadata"]["name"])


def _controller(api: Api, selector: NamespaceSelector | None) -> str:
    pod = next(_pods_of_kaito(api), None)
    if pod is None:
        return ""
    where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
    if selector is None:
        return (
            f"KAITO's own controller runs (pod {where}), and both would carry out every Workspace: scale "
            f"its Deployment to 0, or keep the two apart by namespaces ({PAGE})"
        )
    if api.find(POLICY_BINDINGS, None, BESIDE_KAITO) is None:
        return (
            f"KAITO's own controller runs (pod {where}), and no ValidatingAdmissionPolicyBinding {BESIDE_KAITO} keeps "
            f"it off the namespaces of namespaceSelector: apply deploy/beside-kaito.yaml ({PAGE})"
        )
    return ""


def _pods_of_kaito(api: Api) -> Iterator[Object]:
    for labels in KAITO_PODS:
        # Others label their pods so too: KAITO's may stand behind any number of them.
        for pod in (pod for page in all_pages(api, PODS, selector=labels) for pod in page.get("items") or []):
            images = [str(each.get("image")) for each in pod["spec"].get("containers") or []]
            is_theirs = any("kaito" in image and "workspace" in image for image in images)
            if is_theirs and (pod.get("status") or {}).get("phase") not in ENDED:
                yield pod
