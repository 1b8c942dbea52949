"""The rights of the operator on a cluster. It never reads Secrets: pods name them, and kubelets read them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmwright.plugins.drivers import AccessRule
from llmwright.targets.kubernetes.cluster.api_resources import LEASES, WEBHOOK_CONFIGURATION, WEBHOOK_CONFIGURATIONS
from llmwright.targets.kubernetes.cluster.leader_election import NAME as LEASE

NAME = "llmwright-operator"
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
    AccessRule("", ("pods", "nodes", "configmaps"), READ),
    # While another's autoscaler sets the size of a server, the operator does not.
    AccessRule("autoscaling", ("horizontalpodautoscalers",), OWN),
    AccessRule("keda.sh", ("scaledobjects",), OWN),
    # Only they tell why pods are not made.
    AccessRule("", ("events",), (*READ, "create")),
)
"""The operator's own needs. Drivers declare the rights for their kinds (``Driver.access_rules``)."""

LEASE_RULES: tuple[dict[str, Any], ...] = (
    # A right to create cannot be limited to a name.
    {"apiGroups": [LEASES.group], "resources": [LEASES.plural], "verbs": ["create"]},
    {"apiGroups": [LEASES.group], "resources": [LEASES.plural], "resourceNames": [LEASE], "verbs": ["get", "update"]},
)
"""The needs of leader election: its own Lease, and no other."""

WEBHOOK_GROUP, WEBHOOK_KIND = WEBHOOK_CONFIGURATIONS.group, WEBHOOK_CONFIGURATIONS.plural
WEBHOOK_RULES: tuple[dict[str, Any], ...] = (
    # A right to create cannot be limited to a name.
    {"apiGroups": [WEBHOOK_GROUP], "resources": [WEBHOOK_KIND], "verbs": ["create"]},
    {
        "apiGroups": [WEBHOOK_GROUP],
        "resources": [WEBHOOK_KIND],
        "resourceNames": [WEBHOOK_CONFIGURATION],
        "verbs": [*READ, "update"],
    },
)
"""The needs of the admission webhook: its own configuration, and no other."""


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
    rules += [*LEASE_RULES, *(WEBHOOK_RULES if webhook else ())]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": NAME},
        "rules": rules,
    }


def plugins_role() -> dict[str, Any]:
    """The ClusterRole for objects that plugins add, bound beside the other role.

    Its rules are those of every ClusterRole with the label ``FOR_PLUGINS``; without one it allows nothing.
    """
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"{NAME}-plugins"},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {FOR_PLUGINS: "true"}}]},
        "rules": [],
    }
