"""The rights of the operator on a cluster. It never reads Secrets: pods name them, and kubelets read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmwright.plugins.drivers import AccessRule
from llmwright.targets.kubernetes.cluster.api_resources import (
    BESIDE_KAITO,
    CRDS,
    DEFINITION,
    KAITO_WEBHOOK,
    LEASES,
    POLICY_BINDINGS,
    WEBHOOK_CONFIGURATION,
    WEBHOOK_CONFIGURATIONS,
)
from llmwright.targets.kubernetes.cluster.leader_election import NAME as LEASE

NAME = "llmwright-operator"
RBAC = "rbac.authorization.k8s.io/v1"
FOR_PLUGINS_ROLE = f"{NAME}-plugins"
AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"
"""Begins the labels by which Kubernetes adds the rules of a ClusterRole to its own roles."""
FOR_PLUGINS = "llmwright.io/for-plugins"
"""Label of a ClusterRole that says what the operator may do with the kinds that plugins bring."""

READ = ("get", "list", "watch")
OWN = (*READ, "create", "patch", "delete")

RULES: tuple[AccessRule, ...] = (
    AccessRule("kaito.sh", ("workspaces",), (*READ, "patch")),
    AccessRule("kaito.sh", ("workspaces/status",), ("patch",)),
    # Owner references that block deletion need this where the cluster enforces them.
    AccessRule("kaito.sh", ("workspaces/finalizers",), ("update",)),
    AccessRule("apps", ("statefulsets", "controllerrevisions"), OWN),
    AccessRule("batch", ("jobs",), OWN),
    AccessRule("", ("services",), OWN),
    # Namespaces for ``namespaceSelector``.
    AccessRule("", ("pods", "nodes", "configmaps", "namespaces"), READ),
    # Pods are only tried, by dry runs, before a node is asked for. RBAC has no right to that alone; and whoever may
    # create StatefulSets and Jobs has pods made all the same.
    AccessRule("", ("pods",), ("create",)),
    # While another's autoscaler sets the size of a server, the operator does not.
    AccessRule("autoscaling", ("horizontalpodautoscalers",), OWN),
    AccessRule("keda.sh", ("scaledobjects",), OWN),
    # Only they tell why pods are not made.
    AccessRule("", ("events",), (*READ, "create")),
)
"""The operator's own needs. Drivers declare the rights for their kinds (``Driver.access_rules``)."""

START_RULES: tuple[dict[str, Any], ...] = (
    {"apiGroups": [CRDS.group], "resources": [CRDS.plural], "resourceNames": [DEFINITION], "verbs": ["get"]},
    {
        "apiGroups": [WEBHOOK_CONFIGURATIONS.group],
        "resources": [WEBHOOK_CONFIGURATIONS.plural],
        "resourceNames": [KAITO_WEBHOOK],
        "verbs": ["get"],
    },
    {
        "apiGroups": [POLICY_BINDINGS.group],
        "resources": [POLICY_BINDINGS.plural],
        "resourceNames": [BESIDE_KAITO],
        "verbs": ["get"],
    },
)
"""The needs of the look at the cluster before the first pass: these objects by name, and no others."""

LEASE_RULES: tuple[dict[str, Any], ...] = (
    {"apiGroups": [LEASES.group], "resources": [LEASES.plural], "resourceNames": [LEASE], "verbs": ["get", "update"]},
)
"""The needs of leader election: its own Lease, and no other. A right to create cannot be limited to a name."""

WEBHOOK_GROUP, WEBHOOK_KIND = WEBHOOK_CONFIGURATIONS.group, WEBHOOK_CONFIGURATIONS.plural
WEBHOOK_RULES: tuple[dict[str, Any], ...] = (
    {
        "apiGroups": [WEBHOOK_GROUP],
        "resources": [WEBHOOK_KIND],
        "resourceNames": [WEBHOOK_CONFIGURATION],
        "verbs": [*READ, "update"],
    },
)
"""The needs of the admission webhook: its own configuration, which is installed, and no other."""


def cluster_role(declared: Iterable[AccessRule] = (), *, webhook: bool = False) -> dict[str, Any]:
    """The ClusterRole.

    Args:
        declared: what the installed drivers need: ``DriverSet.access_rules()``.
        webhook: whether the operator serves the admission webhook.
    """
    rules = [
        {"apiGroups": [rule.group], "resources": [*rule.resources], "verbs": [*rule.verbs]}
        for rule in (*RULES, *declared)
    ]
    return _role("ClusterRole", {"name": NAME}, [*rules, *START_RULES, *(WEBHOOK_RULES if webhook else ())])


def lease_role(namespace: str) -> dict[str, Any]:
    """The Role for leader election, in the operator's own namespace."""
    return _role("Role", {"name": NAME, "namespace": namespace}, [*LEASE_RULES])


def plugins_role() -> dict[str, Any]:
    """The ClusterRole for objects that plugins add, bound beside the other role.

    Its rules are those of every ClusterRole with the label ``FOR_PLUGINS``; without one it allows nothing.
    """
    selected = {"clusterRoleSelectors": [{"matchLabels": {FOR_PLUGINS: "true"}}]}
    return {**_role("ClusterRole", {"name": FOR_PLUGINS_ROLE}, []), "aggregationRule": selected}


def user_roles() -> tuple[dict[str, Any], ...]:
    """The ClusterRoles of people: Kubernetes adds their rules to its own roles ``view``, ``edit`` and ``admin``.

    ``llmwright-view`` reads Workspaces, ``llmwright-edit`` also writes them, and neither writes a status.
    """
    group, workspaces = "kaito.sh", "workspaces"
    view = {"apiGroups": [group], "resources": [workspaces, f"{workspaces}/status"], "verbs": [*READ]}
    write = ["create", "update", "patch", "delete", "deletecollection"]
    edit = {"apiGroups": [group], "resources": [workspaces], "verbs": write}
    # `llmwright stop` and `start`, and `kubectl scale`.
    scale = {"apiGroups": [group], "resources": [f"{workspaces}/scale"], "verbs": ["get", "update", "patch"]}
    return (
        _role("ClusterRole", _aggregated("llmwright-view", "view", "edit", "admin"), [view]),
        _role("ClusterRole", _aggregated("llmwright-edit", "edit", "admin"), [view, edit, scale]),
    )


def _aggregated(name: str, *to: str) -> dict[str, Any]:
    return {"name": name, "labels": {f"{AGGREGATE}{role}": "true" for role in to}}


def manifests(
    namespace: str, account: str, declared: Iterable[AccessRule] = (), *, webhook: bool = False
) -> list[dict[str, Any]]:
    """All objects by which an operator has its rights: account, roles and bindings; and objects that it writes into.
    The roles of people are among them.

    Those are its Lease, so that it goes with the rest, and an empty configuration of the webhook: it gets no right to
    create one, which cannot be limited to a name. One that still runs would also make it anew after it was deleted.

    Args:
        namespace: the operator's own.
        account: the name of its ServiceAccount there.
        declared: what the drivers need.
        webhook: whether it serves the admission webhook.
    """
    subject = {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    own = {"name": NAME, "namespace": namespace}
    objects = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": namespace}},
        cluster_role(declared, webhook=webhook),
        _binding("ClusterRole", {"name": NAME}, subject),
        plugins_role(),
        _binding("ClusterRole", {"name": FOR_PLUGINS_ROLE}, subject),
        lease_role(namespace),
        _binding("Role", own, subject),
        *user_roles(),
        {"apiVersion": LEASES.api_version, "kind": "Lease", "metadata": {**own, "name": LEASE}},
    ]
    return [*objects, *([_empty_webhook_configuration()] if webhook else [])]


def _empty_webhook_configuration() -> dict[str, Any]:
    metadata = {"name": WEBHOOK_CONFIGURATION}
    api_version = WEBHOOK_CONFIGURATIONS.api_version
    return {"apiVersion": api_version, "kind": "ValidatingWebhookConfiguration", "metadata": metadata}


def _role(kind: str, metadata: dict[str, Any], rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"apiVersion": RBAC, "kind": kind, "metadata": metadata, "rules": rules}


def _binding(kind: str, metadata: dict[str, str], subject: dict[str, str]) -> dict[str, Any]:
    """The binding of the role of that kind to the account; it has the role's own name."""
    role = {"apiGroup": RBAC.partition("/")[0], "kind": kind, "name": metadata["name"]}
    return {
        "apiVersion": RBAC,
        "kind": f"{kind}Binding",
        "metadata": metadata,
        "roleRef": role,
        "subjects": [subject],
    }
