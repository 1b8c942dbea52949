"""Probes: when the engine counts as started, alive and ready (KAITO v0.12, without its benchmark)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llmwright.values.launch import Exec, HttpGet, Probe
from llmwright.values.preset import Preset

GIB = 1024**3
PERIOD_S = 10
FIRST = ("curl", "-sf", "http://$(leader):$(port.http)/health")
"""Asks the first machine's engine, from any machine: with a program of its image, so nothing of ours is in there."""


@dataclass(frozen=True, slots=True)
class Probes:
    """The three probes of one process."""

    startup: Probe
    live: Probe
    ready: Probe


def readiness_seconds(preset: Preset) -> float:
    """Return the seconds for a start: 15 minutes and 18 s per GiB of weights, from 30 to 180 minutes (KAITO v0.12)."""
    return min(max(15 * 60 + 18 * preset.weight_bytes / GIB, 30 * 60), 180 * 60)


def of_one(preset: Preset, port: str) -> Probes:
    """Return the probes of an engine on one machine: its health endpoint on ``port``."""
    health = HttpGet("/health", port)
    return Probes(
        startup=Probe(check=health, failure_threshold=_patience(preset)),
        live=Probe(check=health),
        ready=Probe(check=health, initial_delay_s=30),
    )


def of_several(preset: Preset) -> Probes:
    """Return the probes of each of several machines: the first one's health, so all restart when one is lost.

    The first ends when it hears nothing of another for too long (vLLM's ``VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS``).
    """
    check = Exec(FIRST)
    return Probes(
        startup=Probe(check=check, failure_threshold=_patience(preset)),
        live=Probe(check=check, initial_delay_s=60, timeout_s=5, termination_grace_s=1),
        ready=Probe(check=check, failure_threshold=1),
    )


def _patience(preset: Preset) -> int:
    return math.ceil(readiness_seconds(preset) / PERIOD_S)
