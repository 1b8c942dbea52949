"""What the operator may do on a cluster. It never reads Secrets: pods name them, and kubelets read them."""

from __future__ import annotations

from typing import Any

from llmwright.targets.kubernetes.cluster.api_resources import WEBHOOK_CONFIGURATION, WEBHOOK_CONFIGURATIONS

NAME = "llmwright-operator"
FOR_PLUGINS = "llmwright.io/for-plugins"
"""Label of a ClusterRole that says what the operator may do with the kinds that plugins bring."""

READ = ("get", "list", "watch")
OWN = (*READ, "create", "patch", "delete")

RULES: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("kaito.sh", ("workspaces",), (*READ, "patch")),
    ("kaito.sh", ("workspaces/status",), ("patch",)),
    # Owner references that block deletion need this where the cluster enforces them.
    ("kaito.sh", ("workspaces/finalizers",), ("update",)),
    ("apps", ("statefulsets", "controllerrevisions"), OWN),
    ("batch", ("jobs",), OWN),
    ("", ("services",), OWN),
    ("", ("pods", "nodes", "configmaps"), READ),
    # For as long as one sets the size of a server, that is not ours to set.
    ("autoscaling", ("horizontalpodautoscalers",), READ),
    # Karpenter's nodes get the labels of the Workspace that they were made for.
    ("", ("nodes",), ("patch",)),
    # Only they tell why pods are not made.
    ("", ("events",), (*READ, "create")),
    ("coordination.k8s.io", ("leases",), ("get", "create", "update")),
    ("karpenter.sh", ("nodeclaims", "nodepools"), (*OWN, "update")),
)
"""Group, resources, verbs."""

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
"""What the admission webhook needs besides: its own configuration, and no other."""


def cluster_role(*, webhook: bool = False) -> dict[str, Any]:
    """The ClusterRole; with what the admission webhook needs where there is to be one."""
    rules = [{"apiGroups": [group], "resources": [*resources], "verbs": [*verbs]} for group, resources, verbs in RULES]
    rules += WEBHOOK_RULES if webhook else ()
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": NAME},
        "rules": rules,
    }


def plugins_role() -> dict[str, Any]:
    """The ClusterRole for objects that plugins bring, bound beside the other one.

    Its rules are those of every ClusterRole with the label ``FOR_PLUGINS``; without one it allows nothing.
    """
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": f"{NAME}-plugins"},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {FOR_PLUGINS: "true"}}]},
        "rules": [],
    }
