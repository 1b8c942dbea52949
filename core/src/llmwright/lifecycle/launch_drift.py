"""Drift between the Launch that runs and the Launch that is planned."""

from __future__ import annotations

from typing import Literal

from llmwright.lifecycle.observed import Workload
from llmwright.plan.digest import as_written, fallbacks
from llmwright.values.launch import Launch

LaunchDrift = Literal["absent", "current", "kept", "superseded", "outdated"]


def launch_drift(workload: Workload, launch: Launch, inputs: str) -> LaunchDrift:
    """Compare a workload with the planned ``launch``; ``inputs`` is the plan's digest of what the user wrote.

    ``absent``: nothing runs. ``current``: the planned Launch runs. ``outdated``: the user changed the Workspace, so the
    change is carried out. ``superseded``: the plan differs although the user changed nothing (a new version, another
    price table), so the workload is left alone.
    """
    if workload.phase == "absent":
        return "absent"
    if workload.digest == launch.digest:
        return "current"
    return "superseded" if workload.inputs == inputs else "outdated"


def tuning_drift(job: Workload, launch: Launch, inputs: str) -> LaunchDrift:
    """Compare a tuning with the planned ``launch``, as ``launch_drift``.

    ``kept``: a rollout alone would change it. It moves no tuning that runs or has succeeded, which would begin anew.
    While it waits for a machine that could not be had, it may begin anew on another.
    """
    state = launch_drift(job, launch, inputs)
    moved = job.phase == "pending" and fallbacks(job.inputs) != fallbacks(inputs)
    if state == "outdated" and job.phase != "failed" and not moved and as_written(job.inputs) == as_written(inputs):
        return "kept"
    return state
