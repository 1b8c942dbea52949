"""The operator of a cluster: its Deployment, its Lease, and why it is not ready."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import DEPLOYMENTS, LEASES, PODS
from llmwright.targets.kubernetes.cluster.leader_election import NAME as LEASE
from llmwright.targets.kubernetes.commands.access import explained
from llmwright.targets.kubernetes.operator.cache.projection import is_ready, project_pod
from llmwright.targets.kubernetes.operator.observe.pod_causes import root_cause
from llmwright.values.nodes import Finding
from llmwright.version import __version__

Object = Mapping[str, Any]

ABOUT = "operator"
LABELS = "app.kubernetes.io/name=llmwright,app.kubernetes.io/component=operator"
VERSION_LABEL = "app.kubernetes.io/version"
NAMESPACE = "llmwright-system"
"""The namespace of the installation guide, for who may not look into all."""
HEALTH_PORT = 8081
INSTALL = "`helm install` the chart (docs/installation.md)"
ANY_NODE = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}


@dataclass(frozen=True, slots=True)
class InstalledOperator:
    """The operator's Deployment."""

    deployment: Object

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(self.deployment["metadata"]["namespace"])

    @property
    def name(self) -> str:
        """Namespace and name, as people write them."""
        return f"{self.namespace}/{self.deployment['metadata']['name']}"

    @property
    def account(self) -> str:
        """The name by which the API server knows it."""
        account = self._pod.get("serviceAccountName") or "default"
        return f"system:serviceaccount:{self.namespace}:{account}"

    @property
    def version(self) -> str:
        """The version that its chart says; empty where nothing does."""
        return str((self.deployment["metadata"].get("labels") or {}).get(VERSION_LABEL) or "")

    @property
    def image(self) -> str:
        """The image that it runs."""
        return str(self._container.get("image") or "")

    @property
    def environment(self) -> dict[str, str]:
        """The variables that it is given by value."""
        given = self._container.get("env") or ()
        return {each["name"]: each["value"] for each in given if each.get("value")}

    @property
    def settings_map(self) -> str:
        """The ConfigMap of its settings; empty where it has none."""
        volumes = {each["name"]: each.get("configMap") for each in self._pod.get("volumes") or ()}
        return str((volumes.get("settings") or {}).get("name") or "")

    @property
    def _pod(self) -> Object:
        spec: Object = self.deployment["spec"]["template"]["spec"]
        return spec

    @property
    def _container(self) -> Object:
        containers: list[Object] = self._pod.get("containers") or [{}]
        return next((each for each in containers if each.get("name") == "operator"), containers[0])


def find_operator(api: Api) -> InstalledOperator | None:
    """Return the operator's Deployment; None where there is none.

    Raises:
        ApiError: it may be in a namespace that may not be read.
    """
    query = {"labelSelector": LABELS}
    try:
        found = api.page(DEPLOYMENTS, query).get("items") or []
    except ApiError as error:
        if error.code != FORBIDDEN:
            raise
        try:
            found = api.page(DEPLOYMENTS, query, namespace=NAMESPACE).get("items") or []
        except ApiError:
            found = []
        if not found:
            # The first refusal says which right would show it wherever it is.
            raise error from None
    return InstalledOperator(found[0]) if found else None


def operator_findings(api: Api, installed: InstalledOperator | None) -> Iterator[Finding]:
    """Yield whether an operator works, by its Deployment and its Lease."""
    if installed is None:
        yield _without_deployment(api)
        return
    lease = _lease_of(api, installed)
    status, wanted = installed.deployment.get("status") or {}, installed.deployment["spec"].get("replicas", 1)
    ready = status.get("readyReplicas") or 0
    facts = [f"{installed.name}: {ready} of {wanted} ready"]
    if installed.version:
        facts.append(f"version {installed.version}")
    if lease is not None:
        facts.append(f"{_leader(lease)} leads" if _is_held(lease) else "nobody leads")
    if ready < max(wanted, 1):
        logs = api.same_place.kubectl(f"logs deploy/{installed.deployment['metadata']['name']}", installed.namespace)
        hint = f"`{logs}` says more"
        message = f"{', '.join(facts)}: {_why_not_ready(api, installed)}"
        yield Finding(about=ABOUT, state="problem", message=message, hint=hint)
    elif lease is not None and not _is_held(lease):
        get = api.same_place.kubectl(f"get lease {LEASE} -o yaml", installed.namespace)
        hint = f"`{get}`; its log says why none takes it"
        yield Finding(about=ABOUT, state="problem", message=", ".join(facts), hint=hint)
    elif installed.version and installed.version != __version__:
        hint = f"this command is {__version__}: its `check` and `plan` may judge otherwise"
        yield Finding(about=ABOUT, state="ok", message=", ".join(facts), hint=hint)
    else:
        yield Finding(about=ABOUT, state="ok", message=", ".join(facts))


def _without_deployment(api: Api) -> Finding:
    """Return whether an operator runs all the same, such as from a shell, by the Lease that it holds."""
    try:
        leases = api.page(LEASES, {"fieldSelector": f"metadata.name={LEASE}"}).get("items") or []
    except ApiError as error:
        message = f"no Deployment is there; whether one runs elsewhere: {explained(error, api).message}"
        return Finding(about=ABOUT, state="unchecked", message=message, hint=INSTALL)
    held = next(filter(_is_held, leases), None)
    if held is None:
        return Finding(about=ABOUT, state="problem", message="none is installed", hint=INSTALL)
    where = f"{held['metadata']['namespace']}/{held['metadata']['name']}"
    return Finding(about=ABOUT, state="ok", message=f"no Deployment, and {_leader(held)} holds the Lease {where}")


def _lease_of(api: Api, installed: InstalledOperator) -> Object | None:
    """Return the Lease of the operator; None where there is none, or it may not be read."""
    with suppress(ApiError):
        return api.find(LEASES, installed.namespace, LEASE)
    return None


def _leader(lease: Object) -> str:
    return str(lease["spec"].get("holderIdentity") or "nobody")


def _is_held(lease: Object) -> bool:
    """Return whether somebody holds it now, by the clock of this machine."""
    spec = lease.get("spec") or {}
    if not spec.get("holderIdentity") or not spec.get("renewTime"):
        return False
    passed = datetime.now(UTC) - datetime.fromisoformat(spec["renewTime"])
    # Twice, since clocks differ.
    return passed.total_seconds() < 2 * float(spec.get("leaseDurationSeconds") or 15)


def _why_not_ready(api: Api, installed: InstalledOperator) -> str:
    """Return the cause of a pod, what its /readyz says, or else what the Deployment's conditions say."""
    with suppress(ApiError):
        pods = api.page(PODS, {"labelSelector": LABELS}, namespace=installed.namespace).get("items") or []
        cause = root_cause([project_pod(dict(pod)) for pod in pods], lambda _: ANY_NODE)
        if cause is not None:
            return f"{cause.reason}: {cause.message}"
        for pod in pods:
            if not is_ready(pod) and (words := _readyz(api, installed.namespace, pod["metadata"]["name"])):
                return words
    conditions = (installed.deployment.get("status") or {}).get("conditions") or ()
    told = [f"{each['reason']}: {each['message']}" for each in conditions if each.get("status") == "False"]
    return "; ".join(told) or "it starts"


def _readyz(api: Api, namespace: str, pod: str) -> str:
    """Return why a pod of the operator is not ready, in its own words; empty where it does not say."""
    with suppress(ApiError):
        code, text = api.pod_answer(namespace, pod, HEALTH_PORT, "/readyz")
        # An API server that does not reach the pod answers with a Status object.
        if code == 503 and not text.startswith("{"):
            return text.strip()
    return ""
