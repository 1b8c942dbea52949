"""The doctor: settings, plugins, this machine, the cluster and the clouds, each with what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from llmwright.errors import ConfigError, LLMwrightError, PluginError
from llmwright.plugins.installing import pip_install
from llmwright.values.nodes import Finding

if TYPE_CHECKING:
    from llmwright.app.session import Session
    from llmwright.plugins.discovery import Kind, PluginEntry
    from llmwright.targets.kubernetes.cluster.api_client import Api


def diagnose(session: Session, namespace: str | None = None) -> Iterator[Finding]:
    """Yield the findings, one after the other, as they are made. Settings that cannot be used end the examination.

    A session whose target is this machine asks no cluster; one whose target is a cluster passes over what only this
    machine must be able to do. ``namespace`` is that of Workspaces, for the rights of who asks.
    """
    from llmwright.app.cluster_doctor import ClusterExamination

    settings = _settings(session)
    yield settings
    if settings.state == "problem":
        return
    yield from _plugins(session)
    yield from _data(session)
    if not session.on_cluster:
        yield from _this_machine(session)
    if session.chosen_target == "local":
        return
    cluster = ClusterExamination(session, namespace)
    yield from cluster.findings()
    yield from _clouds(cluster.session, cluster.api)


def _settings(session: Session) -> Finding:
    from llmwright.settings.locations import settings_file

    file = session.settings_file or settings_file(os.environ, Path.cwd())
    try:
        _ = session.settings, session.driver_set
    except ConfigError as error:
        return _problem("settings", error)
    return Finding(about="settings", state="ok", message=f"read from {file}" if file else "no file; defaults")


def _plugins(session: Session) -> Iterator[Finding]:
    for row in session.found_plugins:
        about = f"{row.kind} {row.name}"
        if row.state == "blocked":
            yield Finding(about=about, state="unchecked", message=row.detail or "blocked")
        elif row.state != "found":
            hint = "`llmwright plugins list` shows all; mend or remove the distribution"
            yield Finding(about=about, state="problem", message=f"{row.origin}: {row.detail or row.state}", hint=hint)
        elif row.kind != "hook":
            yield _driver(session, row.kind, row)
    yield from _hooks(session)


def _driver(session: Session, kind: Kind, row: PluginEntry) -> Finding:
    from llmwright.app.workloads import require_workload
    from llmwright.plugins.driver_calls import driver_call

    about = f"{kind} {row.name}"
    try:
        with driver_call(kind, row.name, "__init__", row.origin):
            driver = session.drivers.driver(kind, row.name)
        program = driver.program()
    except LLMwrightError as error:
        return _problem(about, error)
    if kind != "provisioner" and not session.on_cluster:
        try:
            require_workload(session.registry, kind, row.name, program)
        except PluginError as error:
            message = f"{row.origin}; on this machine it cannot run: {error.message}"
            return Finding(about=about, state="unchecked", message=message, hint=error.hint)
    return Finding(about=about, state="ok", message=row.origin)


def _hooks(session: Session) -> Iterator[Finding]:
    try:
        hooks = session.registry.hooks()
    except ConfigError as error:
        yield _problem("hooks", error)
        return
    for broken in (*hooks.missing, *hooks.broken):
        yield _problem("hooks", broken)
    for plugin in hooks.plugins:
        yield Finding(about=f"hook {plugin.entry.name}", state="ok", message=plugin.entry.origin)


def _data(session: Session) -> Iterator[Finding]:
    catalogue, cloud = session.catalogue, session.settings.cloud
    presets, machines = len(catalogue.presets()), len(catalogue.instance_types(cloud))
    if not presets:
        hint = f"{pip_install('llmwright-presets')}, or name a directory in presetDirectories"
        yield Finding(about="presets", state="problem", message="no preset is installed", hint=hint)
    else:
        yield Finding(about="presets", state="ok", message=f"{presets} models")
    if machines:
        yield Finding(about="instance types", state="ok", message=f"{machines} of {cloud}")
    else:
        hint = "set `cloud` in the settings, or install a pack with its machines"
        yield Finding(about="instance types", state="unchecked", message=f"none is known of {cloud}", hint=hint)


def _this_machine(session: Session) -> Iterator[Finding]:
    directory = session.local_target.directory.root
    if _is_writable(directory):
        yield Finding(about="state directory", state="ok", message=str(directory))
    else:
        hint = "set stateDirectory, or LLMWRIGHT_STATE_DIRECTORY, to a directory of yours"
        yield Finding(about="state directory", state="problem", message=f"{directory} cannot be written", hint=hint)


def _is_writable(directory: Path) -> bool:
    """Return whether it can be written, or be made below the nearest directory that is there."""
    there = next((place for place in (directory, *directory.parents) if place.exists()), directory)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _clouds(session: Session, cluster: Api | None) -> Iterator[Finding]:
    """Have each provisioner that asks a cloud examine it; the default one also where it asks none.

    What a cloud lacks that the settings name nowhere is not checked: it stands in the way of nobody yet.
    """
    from llmwright.app.examination import asks_beforehand, examined

    for name in session.registry.names("provisioner"):
        with suppress(PluginError):
            if asks_beforehand(session, name) or name == session.settings.provisioner:
                findings = examined(session, name, None, cluster)
                chosen = name in session.settings.named_provisioners
                yield from findings if chosen else map(_not_chosen, findings)


def _not_chosen(finding: Finding) -> Finding:
    return replace(finding, state="unchecked") if finding.state == "problem" else finding


def _problem(about: str, error: LLMwrightError) -> Finding:
    return Finding(about=about, state="problem", message=error.message, hint=error.hint)
