"""The autoscaler of ``inference.autoscaling``. Without it the server answers all the same, with the copies it has."""

from __future__ import annotations

from llmwright.lifecycle.decision_builder import DecisionBuilder
from llmwright.lifecycle.lifecycle_input import LifecycleInput

KIND = "AutoscalerReady"


def autoscaling(facts: LifecycleInput, builder: DecisionBuilder) -> None:
    """Fill in ``AutoscalerReady``; nothing else waits for it."""
    autoscaler = facts.observed.autoscaler
    if autoscaler is None:
        builder.conditions.drop(KIND)
    else:
        builder.conditions.set(KIND, autoscaler.works, autoscaler.reason, autoscaler.message)
