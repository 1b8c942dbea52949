"""The state of a HorizontalPodAutoscaler or ScaledObject, as its controller tells it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.lifecycle.observed import Autoscaler

WORKS = Autoscaler(True, "AutoscalerReady", "the number of copies follows the load")
PENDING = Autoscaler(False, "AutoscalerPending", "no controller has told of the autoscaler yet")

TELLING = ("AbleToScale", "ScalingActive", "Ready")
"""Conditions that are true where it works: two of Kubernetes' own, and KEDA's."""


def autoscaler_state(live: Mapping[str, Any]) -> Autoscaler:
    """Return whether it moves the number of copies; with its controller's own words where it does not."""
    conditions = (live.get("status") or {}).get("conditions") or []
    telling = [condition for condition in conditions if condition["type"] in TELLING]
    wrong = next((condition for condition in telling if condition["status"] != "True"), None)
    if wrong is not None and wrong["status"] == "False":
        return Autoscaler(False, wrong.get("reason") or PENDING.reason, wrong.get("message") or "")
    return WORKS if telling and wrong is None else PENDING
