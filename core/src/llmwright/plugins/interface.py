"""Whether the object behind a driver's entry point can be a driver at all; ``llmwright.testing`` asks the rest."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, get_args

from llmwright.plugins.discovery import Kind
from llmwright.plugins.drivers import AccessRule, Capabilities, Driver, Provisioner, Runtime, Tuner
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
    return _targets_breach(loaded) or _capabilities_breach(loaded) or _declarations_breach(loaded)


def _described(loaded: Any) -> str:
    return f"a {type(loaded).__name__}"


def _targets_breach(driver: type[Driver]) -> str | None:
    known = get_args(Target)
    targets = getattr(driver, "targets", None)
    if not isinstance(targets, (frozenset, set)) or len(targets) == 0:
        return f"declares no targets (a frozenset of {', '.join(known)})"
    strange = sorted(str(target) for target in targets if target not in known)
    return f"declares targets that do not exist: {', '.join(strange)}" if strange else None


def _declarations_breach(driver: type[Driver]) -> str | None:
    """A declaration that choosing among drivers could not read: one such driver must not stop the choice of others."""
    ranks = driver.default_rank
    if not isinstance(ranks, Mapping) or not all(isinstance(rank, int) for rank in ranks.values()):
        return "declares a default_rank that is not a mapping of targets to whole numbers"
    strange = sorted(str(target) for target in ranks if target not in driver.targets)
    if strange:
        return f"declares a default_rank for targets that it does not serve: {', '.join(strange)}"
    if not isinstance(driver.aliases, (frozenset, set)):
        return "declares aliases that are not a frozenset of names"
    if not all(isinstance(rule, AccessRule) for rule in driver.access_rules):
        return "declares access_rules that are not AccessRule values"
    return None


def _capabilities_breach(driver: type[Driver]) -> str | None:
    if issubclass(driver, Runtime) and not isinstance(getattr(driver, "capabilities", None), Capabilities):
        return "declares no capabilities (a Capabilities value)"
    return None
