"""AdmissionReviews as an API server sends them."""

from __future__ import annotations

import json
from typing import Any

Object = dict[str, Any]

WORKSPACE: Object = {
    "apiVersion": "kaito.sh/v1beta1",
    "kind": "Workspace",
    "metadata": {"name": "ws", "namespace": "default", "labels": {"team": "a"}},
    "resource": {"count": 1, "labelSelector": {"matchLabels": {"apps": "x"}}},
    "inference": {"preset": {"name": "phi-4"}},
}


def review(operation: str = "CREATE", new: Object | None = WORKSPACE, old: Object | None = None, **more: Any) -> bytes:
    """The body of an AdmissionReview."""
    kind = {"group": "kaito.sh", "version": "v1beta1", "kind": "Workspace"}
    request = {"uid": "u-1", "kind": kind, "operation": operation, "object": new, "oldObject": old, **more}
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()
