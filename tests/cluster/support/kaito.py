"""What KAITO leaves on a cluster: its CRD, its webhook's configuration, a pod of its controller."""

from __future__ import annotations

import copy
from typing import Any

from llmwright.api.crd import crd

Object = dict[str, Any]

ACCOUNT = "system:serviceaccount:kaito-workspace:kaito-workspace-sa"
"""Who KAITO's controller is, by the defaults of its chart (v0.12)."""

FIELDS = {
    ("resource",): {"count", "instanceType", "labelSelector", "partition", "preferredNodes"},
    ("inference",): {"adapters", "config", "preset", "template"},
    ("tuning",): {"config", "input", "method", "output", "preset"},
    ("status",): {"conditions", "performance", "state", "targetNodeCount", "workerNodes"},
}
"""The fields of KAITO's definition (v0.12) where LLMwright has more."""


def kaitos_crd() -> Object:
    """The definition of Workspaces with KAITO's fields alone."""
    found = copy.deepcopy(crd())
    for version in found["spec"]["versions"]:
        schema = version["schema"]["openAPIV3Schema"]
        version.get("subresources", {}).pop("scale", None)
        _without_rules(schema)
        schema["properties"].pop("spec", None)
        for (part,), names in FIELDS.items():
            properties = schema["properties"][part]["properties"]
            schema["properties"][part]["properties"] = {name: properties[name] for name in names & properties.keys()}
            schema["properties"][part].pop("default", None)
    return found


def webhook(**more: Any) -> Object:
    """The configuration of its webhook, which nobody serves here; ``more`` goes into its one webhook."""
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "validation.workspace.kaito.sh"},
        "webhooks": [
            {
                "name": "validation.workspace.kaito.sh",
                "admissionReviewVersions": ["v1"],
                "clientConfig": {"service": {"name": "kaito-workspace-svc", "namespace": "kaito-workspace"}},
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "rules": [
                    {
                        "apiGroups": ["kaito.sh"],
                        "apiVersions": ["v1alpha1", "v1beta1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["workspaces"],
                    }
                ],
                **more,
            }
        ],
    }


def controller(namespace: str = "default") -> Object:
    """A pod of its controller, as its chart labels it. No node is there for it."""
    labels = {"app.kubernetes.io/name": "workspace", "app.kubernetes.io/instance": "kaito-workspace"}
    image = "mcr.microsoft.com/aks/kaito/workspace:0.12.0"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "kaito-workspace-0", "namespace": namespace, "labels": labels},
        "spec": {"containers": [{"name": "workspace", "image": image}], "nodeSelector": {"nowhere": "here"}},
    }


def _without_rules(schema: Object) -> None:
    schema.pop("x-kubernetes-validations", None)
    for part in (*schema.get("properties", {}).values(), schema.get("items")):
        if isinstance(part, dict):
            _without_rules(part)
