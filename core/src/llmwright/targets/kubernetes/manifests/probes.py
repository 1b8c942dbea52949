"""Probes of a container."""

from __future__ import annotations

from llmwright.targets.kubernetes.manifests.references import filled
from llmwright.targets.kubernetes.manifests.render_input import Manifest
from llmwright.values.launch import HttpGet, Launch, Probe, Process


def probes(process: Process, launch: Launch, known: dict[str, str]) -> Manifest:
    """Those that ``process`` has."""
    named = {"livenessProbe": process.live, "readinessProbe": process.ready, "startupProbe": process.startup}
    return {name: _probe(probe, launch, known) for name, probe in named.items() if probe is not None}


def _probe(probe: Probe, launch: Launch, known: dict[str, str]) -> Manifest:
    found = _check(probe, launch, known)
    if probe.initial_delay_s:
        found["initialDelaySeconds"] = probe.initial_delay_s
    if probe.termination_grace_s is not None:
        found["terminationGracePeriodSeconds"] = probe.termination_grace_s
    return {
        **found,
        "periodSeconds": probe.period_s,
        "timeoutSeconds": probe.timeout_s,
        "failureThreshold": probe.failure_threshold,
    }


def _check(probe: Probe, launch: Launch, known: dict[str, str]) -> Manifest:
    if isinstance(probe.check, HttpGet):
        return {"httpGet": {"path": probe.check.path, "port": launch.ports[probe.check.port]}}
    return {"exec": {"command": [filled(part, known) for part in probe.check.argv]}}
