"""Holding a call to being pure: no network, no clock, no files, no programs, no chance."""

from __future__ import annotations

import copy
import datetime as dt
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, chdir, contextmanager
from typing import Any
from unittest import mock

CLOCKS = ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep")
CANARIES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AZURE_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "LLMWRIGHT_API_KEY")
CANARY = "canary-5f1c-do-not-sing"
"""The value of every variable in ``CANARIES`` during a pure call: it must not appear in what is returned."""

_FORBIDDEN = ("open", "socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.mkdir", "os.remove")
_IMPORTING = (".py", ".pyc", ".so", ".pth", ".egg-link")
_watching: list[bool] = []


class Impure(AssertionError):
    """A call that has to be pure did something else."""


def twice_alike(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result of ``call``, which is held to the laws of a pure function.

    Called twice, the second time in another directory with other environment variables, it returns the same; its
    arguments are as they were; and it touches neither network, clock, files nor programs.
    """
    before = copy.deepcopy(arguments)
    with pure():
        first = _settled(call(*arguments))
    with tempfile.TemporaryDirectory() as elsewhere, chdir(elsewhere):
        environ = {"PATH": os.defpath, **dict.fromkeys(CANARIES, CANARY)}
        with mock.patch.dict(os.environ, environ, clear=True), pure():
            second = _settled(call(*arguments))
    name = getattr(call, "__qualname__", repr(call))
    assert first == second, f"{name} returned different results for the same arguments:\n{first}\n{second}"
    assert before == arguments, f"{name} changed its arguments:\n{before}\n{arguments}"
    return first


def _settled(result: Any) -> Any:
    return tuple(result) if isinstance(result, Iterator) else result


@contextmanager
def pure() -> Iterator[None]:
    """Within it, reading the clock, a file or chance, and any network or program, raises ``Impure``.

    Importing modules is let be, for that a driver imports late is no impurity.
    """
    _install_audit()
    with ExitStack() as stack:
        for clock in CLOCKS:
            stack.enter_context(mock.patch(f"time.{clock}", _refuse(f"time.{clock}")))
        for chance in ("random.random", "random.randint", "random.choice", "uuid.uuid4"):
            stack.enter_context(mock.patch(chance, _refuse(chance)))
        stack.enter_context(_without_now())
        _watching.append(True)
        stack.callback(_watching.pop)
        yield


def _refuse(what: str) -> Callable[..., Any]:
    def refused(*_: Any, **__: Any) -> Any:
        raise Impure(f"a pure method called {what}")

    return refused


def _install_audit() -> None:
    # An audit hook cannot be taken out again, so one is put in for good and asks whether anybody watches.
    if not getattr(sys, "_llmwright_purity", False):
        sys.addaudithook(_audit)
        sys._llmwright_purity = True  # type: ignore[attr-defined]


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or not event.startswith(_FORBIDDEN):
        return
    if event == "open" and _is_import(arguments[0]):
        return
    raise Impure(f"a pure method did {event} {arguments[:2]!r}")


def _is_import(path: Any) -> bool:
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    return isinstance(path, str) and (path.endswith(_IMPORTING) or ".pyc." in path)


class _Unmoved(type(dt.datetime)):  # type: ignore[misc]
    """Real datetimes count as instances of the stand-in."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, cls.__mro__[1])


@contextmanager
def _without_now() -> Iterator[None]:
    """``datetime.now`` and ``date.today`` refuse, wherever a loaded module has the classes under their own names."""
    with ExitStack() as stack:
        for real in (dt.datetime, dt.date):
            refused = {name: staticmethod(_refuse(f"{real.__name__}.{name}")) for name in ("now", "utcnow", "today")}
            stand_in = _Unmoved(real.__name__, (real,), {"__slots__": (), **refused})
            for module in _holders(real):
                stack.enter_context(mock.patch.object(module, real.__name__, stand_in))
        yield


def _holders(real: type) -> list[Any]:
    standard = sys.stdlib_module_names | {"pydantic", "pydantic_core", "pytest", "_pytest"}
    return [
        module
        for name, module in list(sys.modules.items())
        if (name == "datetime" or name.split(".")[0] not in standard) and vars(module).get(real.__name__) is real
    ]
