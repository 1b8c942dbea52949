"""The environment of a process. A Launch's secrets are variables of the shell that applies; no file holds a value."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from llmwright.errors import TargetError
from llmwright.targets.local.process.child import MARK
from llmwright.values.launch import Launch, Process, SecretKey
from llmwright.values.plan import Plan

SHARED_MACHINE: Mapping[str, str] = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that wait sleep. By default libgomp's spin, and on a machine that is busy with anything else torch then runs
at a tenth of its speed: 313 against 2,595 tokens/s of the quickstart's tuning on 2 cores at load 3."""


def secrets_at_hand(plan: Plan, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables of ``environ``, sorted, that processes of ``plan`` take a secret from."""
    launches: tuple[Launch | None, ...] = (plan.preflight, plan.tuning, plan.serving)
    processes = [process for launch in launches if launch is not None for process in launch.processes]
    wanted = {value.key for process in processes for value in process.env.values() if isinstance(value, SecretKey)}
    return tuple(sorted(wanted & environ.keys()))


def environment_of(
    process: Process, mark: str, environ: Mapping[str, str], required_secrets: Collection[str]
) -> dict[str, str]:
    """Return ``environ`` with the mark, the Launch's own variables and the secrets that ``process`` names.

    Raises:
        TargetError: ``SecretMissing``, also for an optional secret that is among ``required_secrets``.
    """
    env = {**SHARED_MACHINE, **environ, "PATH": search_path(environ), "PYTHONUNBUFFERED": "1", MARK: mark}
    for name, value in process.env.items():
        if not isinstance(value, SecretKey):
            env[name] = value
        elif value.key in environ:
            env[name] = environ[value.key]
        elif not value.optional or value.key in required_secrets:
            raise TargetError(
                f"{process.name} needs the secret {value.key} of {value.name!r}",
                hint=f"set the environment variable {value.key}, then apply again",
                reason="SecretMissing",
            )
    return env


def search_path(environ: Mapping[str, str]) -> str:
    """Return ``PATH`` with the programs beside this Python first, as in an environment that was activated."""
    own, before = str(Path(sys.executable).parent), environ.get("PATH", os.defpath)
    return before if own in before.split(os.pathsep) else f"{own}{os.pathsep}{before}"
