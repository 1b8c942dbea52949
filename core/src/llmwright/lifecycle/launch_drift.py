"""Drift between the Launch that runs and the Launch that is planned."""

from __future__ import annotations

from typing import Literal

from llmwright.lifecycle.observed import Workload
from llmwright.values.launch import Launch

LaunchDrift = Literal["absent", "current", "superseded", "outdated"]


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
