"""The digest of what the user wrote that bears on a Plan."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import cast

from llmwright.api.served_name import CREATED_BY_ROLES, CREATED_BY_SET
from llmwright.api.workspace import Workspace
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.drivers import Runtime
from llmwright.plugins.selection import RUNTIME_ANNOTATION
from llmwright.values.url_secrets import without_url_secrets

ROLLOUT = "llmwright.io/rollout"
"""Annotation: each new value moves the Workspace to the plan that is made for it then."""

NAMING_LABELS = (CREATED_BY_SET, CREATED_BY_ROLES)
"""Labels of the Workspace that its pods carry, and that name the served model."""


def inputs_digest(
    workspace: Workspace, config_files: Mapping[str, Mapping[str, str]], read: frozenset[str] = frozenset()
) -> str:
    """64 hex digits: the same for the same resource, inference, tuning, config files, and ``read`` metadata.

    A field that is written at its default counts as not written, so that a version with more fields moves nothing.
    Secrets in URLs do not count: a new signature moves nothing, and no digest tells of a password.

    Args:
        read: names of annotations and labels that bear on what runs.
    """
    parts = without_url_secrets(workspace).model_dump(
        mode="json", by_alias=True, exclude_defaults=True, include={"resource", "inference", "tuning"}
    )
    metadata = workspace.metadata
    runtime = metadata.annotations.get(RUNTIME_ANNOTATION)
    used = {name: dict(config_files[name]) for name in _configs(workspace) if name in config_files}
    written = {**metadata.labels, **metadata.annotations}
    named = {name: written[name] for name in sorted({*read, *NAMING_LABELS}) if written.get(name)}
    text = json.dumps([parts, runtime, used, *([named] if named else [])], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_names(drivers: DriverSet) -> frozenset[str]:
    """Return the annotations and labels that stand for options of the installed runtimes."""
    runtimes = (cast("type[Runtime]", driver) for _, driver in drivers.usable("runtime"))
    return frozenset(name for runtime in runtimes for name in runtime.annotations)


FALLBACK = ".r"
"""Begins the mark of the digest that counts the instance types which were given up."""


def with_rollout(inputs: str, rollout: str, recorded: str | None) -> str:
    """Return ``inputs`` with a mark of the rollout, so that the Workspace moves with each new ``rollout``.

    Without a rollout it is what was ``recorded``, if that is of the same inputs: taking the rollout away moves nothing.
    """
    if rollout:
        moved = f"{inputs}.{hashlib.sha256(rollout.encode()).hexdigest()[:8]}"
        return recorded if recorded is not None and without_fallback(recorded) == moved else moved
    return recorded if recorded is not None and as_written(recorded) == inputs else inputs


def with_fallback(inputs: str) -> str:
    """Return ``inputs`` with the mark of one more instance type that was given up."""
    return f"{without_fallback(inputs)}{FALLBACK}{fallbacks(inputs) + 1}"


def fallbacks(inputs: str) -> int:
    """Return how many instance types were given up for that wish."""
    count = inputs.partition(FALLBACK)[2]
    return int(count) if count.isdecimal() and len(count) < 10 else 0


def without_fallback(inputs: str) -> str:
    """Return the digest without that mark."""
    return inputs.partition(FALLBACK)[0]


def as_written(inputs: str) -> str:
    """Return the digest of what the user wrote, without the marks of a rollout and of a fallback."""
    return inputs.partition(".")[0]


def _configs(workspace: Workspace) -> set[str]:
    parts = (workspace.inference, workspace.tuning)
    return {part.config for part in parts if part is not None and part.config}
