"""Why a plugin could not be used, as errors that name the distribution and say what to do."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution, version

from llmwright.errors import (
    PluginConflict,
    PluginContract,
    PluginError,
    PluginLoadFailed,
    PluginNotFound,
    meant,
    nearest,
)
from llmwright.plugins.discovery import Kind, PluginEntry, canonical
from llmwright.plugins.installing import pip_install
from llmwright.plugins.known import WORKLOAD_EXTRAS, known_names, requirement

_EXTRA_ONLY = re.compile(r"""^\s*\(?\s*extra\s*==\s*['"]([^'"]+)['"]\s*\)?\s*$""")


def not_found(kind: Kind, name: str, rows: Iterable[PluginEntry]) -> PluginError:
    """Nothing usable answers to ``name``: missing, blocked, or of an interface that is not read."""
    same_kind = [row for row in rows if row.kind == kind]
    for row in same_kind:
        if row.name == name and row.state == "blocked":
            return PluginNotFound(
                f"{kind} {name!r} of {row.origin} is {row.detail}",
                hint="remove it from --no-plugin and plugins.blocked",
            )
        if row.name == name and row.state == "misdeclared":
            return PluginNotFound(
                f"{kind} {name!r} of {row.origin} cannot be used: {row.detail}",
                hint=f"mend the entry point in the pyproject.toml of {row.distribution}, and install it again",
                reason="PluginMisdeclared",
            )
        if row.name == name and row.state == "incompatible":
            return PluginContract(
                f"{kind} {name!r} of {row.origin} cannot be used: {row.detail}",
                hint=f"pip install -U llmwright {row.distribution}",
                reason="PluginIncompatible",
            )
    usable = sorted({row.name for row in same_kind if row.state == "found"})
    installed = f"installed: {', '.join(usable)}" if usable else "none is installed"
    return PluginNotFound(f"no {kind} {name!r} is installed; {installed}", hint=_remedy(kind, name, usable))


def _remedy(kind: Kind, name: str, usable: list[str]) -> str:
    missing = requirement(kind, name)
    if missing:
        return pip_install(missing)
    near = nearest(name, [*usable, *known_names(kind)])
    if near is None:
        return f"install the distribution that brings {kind} {name!r}, or name one that is installed"
    brings = requirement(kind, near)
    extra = f" ({pip_install(brings)})" if brings and near not in usable else ""
    return meant(near) + extra


def conflict(claims: list[PluginEntry]) -> PluginConflict:
    """Two distributions answer to one name."""
    first = claims[0]
    named = " and ".join(f"{row.origin} ({row.target})" for row in claims)
    removable = sorted({row.distribution for row in claims})
    return PluginConflict(
        f"{first.kind} {first.name!r} is claimed by {named}",
        hint="uninstall one, or block it: " + " or ".join(f"--no-plugin {name}" for name in removable),
    )


def load_failed(entry: PluginEntry, error: BaseException) -> PluginError:
    """``error`` was raised while the plugin was imported. A missing plugin is told from a missing dependency."""
    plugin = f"{entry.kind} {entry.name!r} of {entry.origin}"
    module = entry.target.split(":")[0].strip()
    text = f"{type(error).__name__}: {error}"
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    if missing and _is_own(missing, module):
        return PluginLoadFailed(
            f"{plugin} is declared, but its own module is not there: {text}",
            hint=f"the installation is damaged: pip install --force-reinstall {entry.distribution}",
        )
    if missing:
        return PluginLoadFailed(
            f"{plugin} is installed, but a module it depends on is missing: {text}",
            hint=_bringing(entry.distribution, missing),
            reason="PluginDependencyMissing",
        )
    return PluginLoadFailed(
        f"{plugin} is installed, but importing {module} failed: {text}",
        hint=f"mend or uninstall {entry.distribution}, or leave it out: --no-plugin {entry.distribution}",
    )


def _is_own(missing: str, module: str) -> bool:
    """Whether ``missing`` belongs to the package that ``module`` is in, and not to another distribution."""
    top = missing.split(".")[0]
    if top != module.split(".")[0]:
        return False
    # Below a namespace package a sibling may be somebody else's.
    shared = top in sys.modules and getattr(sys.modules[top], "__file__", None) is None
    return not shared or module == missing or module.startswith(f"{missing}.")


def _bringing(owner: str, module: str) -> str:
    distribution_name = canonical(module.split(".")[0])
    for name, extra in _requirements(owner):
        if name == distribution_name:
            return pip_install(f"{owner}[{extra}]") if extra else f"pip install {name}"
    return f"install what provides the module {module!r} (often: pip install {distribution_name})"


def contract(entry: PluginEntry, fault: str, hint: str = "") -> PluginContract:
    """The plugin loaded and breaks the interface; ``fault`` is how."""
    return PluginContract(
        f"{entry.kind} {entry.name!r} of {entry.origin} ({entry.target}) {fault}",
        hint=hint or f"tell the authors of {entry.distribution}; llmwright.testing checks the whole contract",
    )


def missing_workload(entry: PluginEntry) -> PluginLoadFailed | None:
    """Return the error for packages that the driver's workload half needs and that are missing; None for none."""
    extra = WORKLOAD_EXTRAS.get(entry.kind)
    needed = {name for name, of in _requirements(entry.distribution) if of == extra}
    absent = sorted(name for name in needed if not _installed(name))
    if not absent:
        return None
    return PluginLoadFailed(
        f"{entry.kind} {entry.name!r} is installed ({entry.origin}), but what it runs with is not: {', '.join(absent)}",
        hint=f"{pip_install(f'{entry.distribution}[{extra}]')}, or name another {entry.kind}: `llmwright plugins list`",
        reason="WorkloadExtraMissing",
    )


def _requirements(owner: str) -> Iterator[tuple[str, str | None]]:
    """Names that ``owner`` requires, each with the extra that asks for it; those with further markers left out."""
    try:
        lines = distribution(owner).requires or []
    except PackageNotFoundError:
        return
    for line in lines:
        requirement, _, marker = line.partition(";")
        name = re.match(r"[\w.-]+", requirement.strip())
        extra = _EXTRA_ONLY.match(marker)
        if name and (not marker.strip() or extra):
            yield canonical(name[0]), extra[1] if extra else None


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
