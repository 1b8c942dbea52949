"""Whether what a driver's entry point names can be a driver at all; ``llmwright.testing`` asks the rest."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args

from llmwright.plugins.discovery import Kind
from llmwright.plugins.drivers import Capabilities, Driver, Provisioner, Runtime, Tuner
from llmwright.values.plan import Target

INTERFACES: Mapping[Kind, type[Driver]] = MappingProxyType(
    {"provisioner": Provisioner, "runtime": Runtime, "tuner": Tuner}
)


def breach(kind: Kind, loaded: Any) -> str | None:
    """How ``loaded`` falls short of the interface of ``kind``, to be read after its name; None where it does not."""
    interface = INTERFACES[kind]
    if not inspect.isclass(loaded):
        return f"is {_described(loaded)}, not a class derived from {interface.__name__}"
    if not issubclass(loaded, interface):
        return f"is not derived from llmwright.plugins.drivers.{interface.__name__}"
    missing = sorted(getattr(loaded, "__abstractmethods__", ()))
    if missing:
        return f"lacks {', '.join(missing)}"
    return _targets_breach(loaded) or _capabilities_breach(loaded)


def _described(loaded: Any) -> str:
    return f"a {type(loaded).__name__}"


def _targets_breach(driver: type[Driver]) -> str | None:
    known = get_args(Target)
    targets = getattr(driver, "targets", None)
    if not isinstance(targets, (frozenset, set)) or len(targets) == 0:
        return f"declares no targets (a frozenset of {', '.join(known)})"
    strange = sorted(str(target) for target in targets if target not in known)
    return f"declares targets that do not exist: {', '.join(strange)}" if strange else None


def _capabilities_breach(driver: type[Driver]) -> str | None:
    if issubclass(driver, Runtime) and not isinstance(getattr(driver, "capabilities", None), Capabilities):
        return "declares no capabilities (a Capabilities value)"
    return None
