"""Which addresses a process that downloads may ask though they are not public."""

from __future__ import annotations

from llmwright.plan.plan_input import PlanInput


def allow_arguments(inputs: PlanInput) -> tuple[str, ...]:
    """Return the arguments that tell ``llmwright.artifacts`` the setting ``sources.allow``."""
    return tuple(part for place in inputs.settings.sources.allow for part in ("--allow", place))
