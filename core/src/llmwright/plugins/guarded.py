"""A driver's class as the core uses it: each method behind one boundary, and its answer checked before it counts."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, cast

from llmwright.plugins.answers import checked
from llmwright.plugins.discovery import PluginEntry
from llmwright.plugins.driver_calls import driver_call
from llmwright.plugins.drivers import Driver

ORIGIN = "_llmwright_origin"
CLASS_METHODS = frozenset({"asks_remote_code", "engine"})


def guarded(entry: PluginEntry, driver: type[Driver], interface: type[Driver]) -> type[Driver]:
    """Return a subclass of ``driver`` whose methods raise nothing but errors of ours, and return what they promise.

    Methods that the driver has from ``interface`` stay as they are.
    """
    names = [name for name in _methods(interface) if _defined(driver, name) is not _defined(interface, name)]
    about = {
        ORIGIN: entry.origin,
        "__module__": driver.__module__,
        "__qualname__": driver.__qualname__,
        "__doc__": driver.__doc__,
    }
    subclass = types.new_class(driver.__name__, (driver,), exec_body=lambda body: body.update(about))
    for name in names:
        setattr(subclass, name, _guarded_method(entry, subclass, name))
    return cast("type[Driver]", subclass)


def origin_of(driver: Driver) -> str:
    """Return the distribution that a driver is from, with its version; empty where that is not known."""
    return str(getattr(driver, ORIGIN, ""))


def _methods(interface: type[Driver]) -> list[str]:
    named = [name for name in dir(interface) if not name.startswith("_") and callable(getattr(interface, name))]
    return ["__init__", *(name for name in named if not isinstance(getattr(interface, name), type))]


def _defined(owner: type, name: str) -> Any:
    """Return a method as some class defines it, not bound to the class that is asked."""
    method = getattr(owner, name)
    return getattr(method, "__func__", method)


def _guarded_method(entry: PluginEntry, subclass: type, name: str) -> Any:
    def call(self: Any, *arguments: Any, **named: Any) -> Any:
        with driver_call(entry.kind, entry.name, name, entry.origin):
            return checked(entry.kind, name, getattr(super(subclass, self), name)(*arguments, **named))

    call.__name__ = name
    return classmethod(call) if name in CLASS_METHODS else cast("Callable[..., Any]", call)
