"""KEDA's kind, and nobody who acts on it: none of its programs is here.

The fields of a ScaledObject and their types are those of KEDA 2 (its ``config/crd/bases/keda.sh_scaledobjects.yaml``),
but for ``advanced`` and ``fallback``, which nothing here writes. What stands in no field is dropped.
"""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]

TEXT, WHOLE = {"type": "string"}, {"type": "integer", "format": "int32"}
NUMBERS = ("pollingInterval", "cooldownPeriod", "idleReplicaCount", "minReplicaCount", "maxReplicaCount")


def _of(required: tuple[str, ...], **properties: Object) -> Object:
    return {"type": "object", "required": [*required], "properties": properties}


TRIGGER = _of(
    ("type", "metadata"),
    type=TEXT,
    name=TEXT,
    metricType=TEXT,
    metadata={"type": "object", "additionalProperties": TEXT},
    authenticationRef=_of(("name",), name=TEXT, kind=TEXT),
)
SPEC = _of(
    ("scaleTargetRef", "triggers"),
    scaleTargetRef=_of(("name",), apiVersion=TEXT, kind=TEXT, name=TEXT, envSourceContainerName=TEXT),
    triggers={"type": "array", "items": TRIGGER},
    **dict.fromkeys(NUMBERS, WHOLE),
)
STATUS = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}

PATH = "/apis/keda.sh/v1alpha1/namespaces/default/scaledobjects"
NAME = "scaledobjects.keda.sh"
KEDA: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": NAME},
    "spec": {
        "group": "keda.sh",
        "scope": "Namespaced",
        "names": {"kind": "ScaledObject", "plural": "scaledobjects", "listKind": "ScaledObjectList"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC, "status": STATUS}}},
            }
        ],
    },
}
