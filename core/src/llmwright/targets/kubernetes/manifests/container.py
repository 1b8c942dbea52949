"""Containers of a pod: image, command, ports, GPUs, mounts and probes."""

from __future__ import annotations

from dataclasses import replace

from llmwright.plan.image_choice import role_image
from llmwright.targets.kubernetes.manifests.container_command import command, environment, filled, references
from llmwright.targets.kubernetes.manifests.object_names import container_name, leader_address
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput
from llmwright.targets.kubernetes.manifests.scheduling import gpu_requests, gpu_resource
from llmwright.targets.kubernetes.manifests.volumes import mounts
from llmwright.values.launch import HttpGet, Launch, Probe, Process
from llmwright.values.url_secrets import URLS_VARIABLE, url_secrets

ENGINE, SIDECAR = "engine", "sidecar"
"""The port of ``main`` behind a process that answers in its place, and that process's own (KAITO's name, v0.12)."""


def main_container(source: RenderInput, launch: Launch) -> Manifest:
    """Return the container of ``launch.main``, which has the Workspace's name."""
    manifest = _container(source, launch, launch.main, source.name)
    ports = dict(launch.ports)
    if launch.beside and ENGINE in ports:
        # A process beside ``main`` answers on ``http`` in its place. In its own container it is http all the same.
        ports["http"] = ports.pop(ENGINE)
    if ports:
        manifest["ports"] = [{"name": name, "containerPort": number} for name, number in ports.items()]
    return manifest


def container(source: RenderInput, launch: Launch, process: Process) -> Manifest:
    """Return the container of any process but ``launch.main``."""
    manifest = _container(source, launch, process, container_name(process))
    if process in launch.beside:
        manifest["ports"] = [{"name": SIDECAR, "containerPort": launch.ports["http"]}]
    return manifest


def _container(source: RenderInput, launch: Launch, process: Process, name: str) -> Manifest:
    values = references(launch, process, leader_address(source.name, source.namespace))
    ranks = launch.ranks if process is launch.main else None
    manifest: Manifest = {
        "name": name,
        "image": role_image(source.settings, launch, process.image),
        "args" if process.argv[0].startswith("-") else "command": command(process, values, ranks),
        "env": environment(_with_urls(source, process), values, ranked=ranks is not None),
        "resources": gpu_requests(gpu_resource(source.workspace, source.placement), process.gpus),
        "volumeMounts": mounts(process, launch),
        # Else a container that ends without writing a termination message tells only its exit code.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **_probes(process, launch, values),
    }
    return {key: value for key, value in manifest.items() if value}


def _with_urls(source: RenderInput, process: Process) -> Process:
    """Return ``process`` with the whole URLs of the data set as a value of its environment, not as a Secret's.

    Whoever may read the pod may read the Workspace that has them; so the operator needs no right to Secrets.
    """
    if URLS_VARIABLE not in process.env:
        return process
    return replace(process, env={**process.env, URLS_VARIABLE: url_secrets(source.workspace)})


def _probes(process: Process, launch: Launch, values: dict[str, str]) -> Manifest:
    named = {"livenessProbe": process.live, "readinessProbe": process.ready, "startupProbe": process.startup}
    return {name: _probe(probe, launch, values) for name, probe in named.items() if probe is not None}


def _probe(probe: Probe, launch: Launch, values: dict[str, str]) -> Manifest:
    manifest = _probe_check(probe, launch, values)
    if probe.initial_delay_s:
        manifest["initialDelaySeconds"] = probe.initial_delay_s
    if probe.termination_grace_s is not None:
        manifest["terminationGracePeriodSeconds"] = probe.termination_grace_s
    return {
        **manifest,
        "periodSeconds": probe.period_s,
        "timeoutSeconds": probe.timeout_s,
        "failureThreshold": probe.failure_threshold,
    }


def _probe_check(probe: Probe, launch: Launch, values: dict[str, str]) -> Manifest:
    if isinstance(probe.check, HttpGet):
        return {"httpGet": {"path": probe.check.path, "port": launch.ports[probe.check.port]}}
    return {"exec": {"command": [filled(part, values) for part in probe.check.argv]}}
