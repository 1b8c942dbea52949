"""Whether what was found is what is planned."""

from __future__ import annotations

from typing import Literal

from llmwright.lifecycle.observed import Workload
from llmwright.values.launch import Launch

LaunchDrift = Literal["absent", "current", "superseded", "outdated"]


def launch_drift(workload: Workload, launch: Launch, inputs: str) -> LaunchDrift:
    """How what was found relates to what is planned.

    ``outdated`` is the user's own change and is carried out. ``superseded`` is a plan that differs although the user
    changed nothing (a new version, another price table): what runs is left alone.
    """
    if workload.phase == "absent":
        return "absent"
    if workload.digest == launch.digest:
        return "current"
    return "superseded" if workload.inputs == inputs else "outdated"
