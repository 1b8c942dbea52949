"""Check the names in an operator's settings before it starts, and make the first line of its log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llmwright.errors import MOST_PROBLEMS, ConfigError, Problem, did_you_mean, meant, nearest
from llmwright.version import __version__

if TYPE_CHECKING:
    from llmwright.app.session import Session
    from llmwright.plugins.driver_set import DriverKind

SECRET_WORDS = ("password", "secret", "token", "key", "credential")
COMMON = "workload"
"""The image role of the core's own processes."""
LIST_PLUGINS = "llmwright plugins list"


def check_settings(session: Session) -> None:
    """Refuse settings that name what is not there. A plugin that is broken or blocked fails where it is used.

    Raises:
        ConfigError: each name that nothing answers to, and all settings that a driver does not take.
    """
    problems = [*_unknown_drivers(session), *_unknown_roles(session)]
    if problems:
        raise ConfigError("\n".join(map(str, problems[:MOST_PROBLEMS])), reason="InvalidSettings")
    session.drivers.check_settings()


def start_line(session: Session) -> str:
    """Return version, plugins and settings on one line; defaults are left out, and values that may be secret."""
    found = [row for row in session.registry.entries() if row.state == "found"]
    plugins = ", ".join(sorted({f"{row.kind} {row.name} ({row.origin})" for row in found}))
    written = session.settings.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return f"llmwright {__version__}; plugins: {plugins}; settings: {json.dumps(_open(written), sort_keys=True)}"


def _unknown_drivers(session: Session) -> Iterator[Problem]:
    """Yield the names of drivers that no installed plugin has, whatever its state."""
    settings, rows = session.settings, session.registry.entries()
    named: list[tuple[str, DriverKind, str | None]] = [
        ("provisioner", "provisioner", settings.provisioner),
        *(("otherProvisioners", "provisioner", name) for name in settings.other_provisioners),
        ("runtime", "runtime", settings.runtime),
    ]
    for place, kind, written in named:
        known = {row.name for row in rows if row.kind == kind} | {*session.registry.names(kind)}
        if written is not None and written not in known:
            yield Problem(place, f"no {kind} {written!r} is installed", did_you_mean(written, known, LIST_PLUGINS))


def _unknown_roles(session: Session) -> Iterator[Problem]:
    """Yield the image roles that no installed driver has. Where a driver does not tell its roles, nothing is known."""
    kinds: tuple[DriverKind, ...] = ("runtime", "tuner")
    drivers = [driver for kind in kinds for _, driver in session.driver_set.usable(kind)]
    declared = [driver.image_roles for driver in drivers if "kubernetes" in driver.targets]
    if None in declared or any(row.state != "found" for row in session.registry.entries()):
        return
    known = {COMMON, *(role for roles in declared for role in roles or ())}
    known |= {driver.older_image.role for driver in drivers if driver.older_image is not None}
    for role in session.settings.images:
        if role not in known:
            near = nearest(role, known)
            guess = f"{meant(near)} " if near is not None else ""
            hint = f"{guess}the installed drivers have {', '.join(sorted(known))}"
            yield Problem(f"images.{role}", "no installed driver has an image of that role", hint)


def _open(written: Any) -> Any:
    """Return settings with dots in place of what may be secret."""
    if isinstance(written, Mapping):
        return {name: "…" if _may_be_secret(name, value) else _open(value) for name, value in written.items()}
    return [_open(each) for each in written] if isinstance(written, list) else written


def _may_be_secret(name: str, value: Any) -> bool:
    return isinstance(value, str) and any(word in name.lower() for word in SECRET_WORDS)
