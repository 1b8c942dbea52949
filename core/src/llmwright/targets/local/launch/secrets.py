"""Which secrets a Workspace was given, by name: a value stands in no file."""

from __future__ import annotations

from collections.abc import Mapping

from llmwright.values.launch import Launch, SecretKey
from llmwright.values.plan import Plan


def given_secrets(plan: Plan, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Variables of ``environ`` that processes of ``plan`` take a secret from, sorted."""
    launches: tuple[Launch | None, ...] = (plan.preflight, plan.tuning, plan.serving)
    processes = [process for launch in launches if launch is not None for process in launch.processes]
    wanted = {value.key for process in processes for value in process.env.values() if isinstance(value, SecretKey)}
    return tuple(sorted(wanted & environ.keys()))
