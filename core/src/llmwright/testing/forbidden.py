"""Calls and values that a pure method must not use, refused for the time of one call."""

from __future__ import annotations

import datetime as dt
import gc
import getpass
import os
import platform
import random
import secrets
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any
from unittest import mock


class Impure(AssertionError):
    """A call that has to be pure did something else."""


CHANCE = tuple(name for name in random.__all__ if name[0].islower())
FORBIDDEN: tuple[tuple[ModuleType, tuple[str, ...]], ...] = (
    (time, ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep", "localtime")),
    (random, CHANCE),
    (uuid, ("uuid1", "uuid4")),
    (secrets, ("token_hex", "token_bytes", "token_urlsafe", "choice", "randbelow")),
    (os, ("urandom", "getpid", "cpu_count", "uname", "stat", "lstat", "access", "getcwd", "getlogin", "environ")),
    (platform, ("node", "system", "machine", "platform", "uname")),
    (getpass, ("getuser",)),
)
"""The functions by module. ``os.environ`` is read through a mapping that refuses."""

_OURS = frozenset({"pydantic", "pydantic_core", "pytest", "_pytest", "pluggy", "xdist", "execnet", "coverage", "mypy"})
_TIMING = frozenset({"llmwright.plugins.hooks", "llmwright.plugins.slow_calls"})
"""The core times the hooks that it calls for a law."""
_holders: dict[tuple[int, ...], tuple[tuple[Any, str, Any], ...]] = {}


@contextmanager
def forbidden_calls(what: str) -> Iterator[None]:
    """Within it this thread meets ``Impure`` where it calls something forbidden, under whichever name it imported it.

    Args:
        what: the method that is held to it, for the message.
    """
    thread = threading.get_ident()
    refusing = {
        id(value): _refusing(f"{module.__name__}.{name}", value, what, thread) for module, name, value in _all()
    }
    clocks = {id(real): _without_now(real, what) for real in (dt.datetime, dt.date)}
    with ExitStack() as stack:
        # Before the first name is replaced: a collection among the replacements would already meet them.
        stack.enter_context(_no_collection())
        for holder, name, value in _places():
            stack.enter_context(mock.patch.object(holder, name, (refusing | clocks)[id(value)]))
        yield


@contextmanager
def _no_collection() -> Iterator[None]:
    """Collect no garbage: what goes with it, and who is told of it, read clocks and files (Hypothesis times it)."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _all() -> Iterator[tuple[ModuleType, str, Any]]:
    for module, names in FORBIDDEN:
        for name in names:
            if hasattr(module, name):
                yield module, name, getattr(module, name)


def _places() -> tuple[tuple[Any, str, Any], ...]:
    """Return where the forbidden values are: in their modules, and in modules that imported them by name."""
    modules = [each for each in list(sys.modules.values()) if isinstance(each, ModuleType)]
    key = tuple(map(id, modules))
    if key not in _holders:
        _holders.clear()
        wanted = {id(value) for _, _, value in _all()} | {id(dt.datetime), id(dt.date)}
        places = [*_all(), (dt, "datetime", dt.datetime), (dt, "date", dt.date)]
        for module in modules:
            top = module.__name__.split(".")[0]
            if top not in sys.stdlib_module_names and top not in _OURS and module.__name__ != __name__:
                places += [(module, name, value) for name, value in vars(module).items() if id(value) in wanted]
        _holders[key] = tuple(places)
    return _holders[key]


def _refusing(name: str, real: Any, what: str, thread: int) -> Any:
    if isinstance(real, MutableMapping):
        return _Refusing(real, what, thread)

    def refused(*arguments: Any, **named: Any) -> Any:
        if sys._getframe(1).f_globals.get("__name__") in _TIMING or threading.get_ident() != thread:
            return real(*arguments, **named)
        raise Impure(f"{what} called {name}: what a pure method needs is in its arguments")

    return refused


class _Refusing(Mapping[str, str]):
    """The environment of a process, which the thread under law may read only to import a module."""

    def __init__(self, real: Mapping[str, str], what: str, thread: int) -> None:
        self._real, self._what, self._thread = real, what, thread

    def __getitem__(self, name: str) -> str:
        if threading.get_ident() == self._thread and not importing():
            raise Impure(f"{self._what} read the environment variable {name}: settings are in context.settings")
        return self._real[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._real)

    def __len__(self) -> int:
        return len(self._real)


def importing() -> bool:
    """Return whether a module is being imported now, further down in this thread."""
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


class _Unmoved(type(dt.datetime)):  # type: ignore[misc]
    """Real datetimes count as instances of the stand-in."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.__mro__[1])


def _without_now(real: type, what: str) -> type:
    def refuse(name: str) -> Callable[..., Any]:
        def refused(*_: Any, **__: Any) -> Any:
            raise Impure(f"{what} called {real.__name__}.{name}: the time is an argument, or context.clock")

        return refused

    refused = {name: staticmethod(refuse(name)) for name in ("now", "utcnow", "today")}
    return _Unmoved(real.__name__, (real,), {"__slots__": (), **refused})
