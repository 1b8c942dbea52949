"""Holding a call to being pure: no network, clock, files, environment, programs, chance, and nothing printed."""

from __future__ import annotations

import copy
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from io import StringIO
from typing import Any
from unittest import mock

from llmwright.testing.forbidden import Impure, forbidden_calls, importing

CANARIES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AZURE_CLIENT_SECRET", "AWS_SECRET_ACCESS_KEY", "LLMWRIGHT_API_KEY")
CANARY = "canary-5f1c-do-not-sing"
"""The value of every variable in ``CANARIES`` during a pure call: it must not appear in what is returned."""

ELSEWHERE = {"HOME": "/nowhere/home", "USER": "somebody-else", "TMPDIR": "/nowhere/tmp", "LANG": "xx_XX.UTF-8"}

_FORBIDDEN = (
    "open", "socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.mkdir", "os.remove", "os.listdir",
    "os.scandir", "os.rename", "os.putenv", "os.unsetenv", "shutil.", "tempfile.",
)  # fmt: skip
_IMPORTING = (".py", ".pyc", ".so", ".pth", ".egg-link")
_watching: list[int] = []

__all__ = ["CANARY", "Impure", "pure", "twice_alike"]


def twice_alike(call: Callable[..., Any], *arguments: Any) -> Any:
    """Return the result of ``call``, which is held to the laws of a pure function.

    Called twice, the second time in another directory with other environment variables and another interpreter, it
    returns the same; its arguments are as they were; and it touches neither network, clock, files nor programs.

    Raises:
        Impure: it did, or its results differ.
    """
    name = getattr(call, "__qualname__", repr(call))
    before = copy.deepcopy(arguments)
    with pure(name):
        first = _settled(call(*arguments))
    with tempfile.TemporaryDirectory() as elsewhere, chdir(elsewhere):
        environ = {"PATH": os.defpath, **ELSEWHERE, **dict.fromkeys(CANARIES, CANARY)}
        interpreter = mock.patch.object(sys, "executable", "/nowhere/bin/python")
        with mock.patch.dict(os.environ, environ, clear=True), interpreter, pure(name):
            second = _settled(call(*arguments))
    if first != second:
        raise Impure(f"{name} returned different results for the same arguments:\n{first}\n{second}")
    if before != arguments:
        raise Impure(f"{name} changed its arguments; copy what you change:\n{before}\n{arguments}")
    return first


def _settled(result: Any) -> Any:
    return tuple(result) if isinstance(result, Iterator) else result


@contextmanager
def pure(name: str = "a pure method") -> Iterator[None]:
    """Within it, reading the clock, a file, a variable or chance, any network or program, and printing are ``Impure``.

    Importing modules is let be, for that a driver imports late is no impurity. Only this thread is watched.
    """
    _install_audit()
    printed = StringIO()
    with forbidden_calls(name), redirect_stdout(printed):
        _watching.append(threading.get_ident())
        try:
            yield
        finally:
            _watching.pop()
    if printed.getvalue():
        raise Impure(f"{name} printed {printed.getvalue()[:80]!r}: stdout is the command's own, use context.log")


def _install_audit() -> None:
    # An audit hook cannot be taken out again, so one is put in for good and asks whether anybody watches.
    if not getattr(sys, "_llmwright_purity", False):
        sys.addaudithook(_audit)
        sys._llmwright_purity = True  # type: ignore[attr-defined]


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or not event.startswith(_FORBIDDEN) or _watching[-1] != threading.get_ident():
        return
    if event in ("open", "os.listdir", "os.scandir") and (_is_import(arguments[0]) or importing()):
        return
    raise Impure(f"a pure method did {event} {arguments[:2]!r}: a driver's pure methods have arguments alone")


def _is_import(path: Any) -> bool:
    if isinstance(path, bytes):
        path = os.fsdecode(path)
    return isinstance(path, str) and (path.endswith(_IMPORTING) or ".pyc." in path)
