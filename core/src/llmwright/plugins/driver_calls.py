"""The boundary around a plugin's code: anything that it raises becomes an error that names plugin and method."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from llmwright.errors import LLMwrightError, PluginContract
from llmwright.plugins.slow_calls import SLOW_CALLS
from llmwright.plugins.stdout_apart import stdout_apart

ENDINGS = frozenset({"GeneratorExit", "GreenletExit"})
"""Thrown into a frame that is to end. Where one is held up, a thread lives on that was to go."""

HINT = "tell its author; the log has the traceback"

log = logging.getLogger(__name__)


@contextmanager
def plugin_code(what: str) -> Iterator[None]:
    """Enclose code of a plugin: stdout stays the verb's, and a note names ``what`` where it takes long."""
    with stdout_apart(), SLOW_CALLS.watched(what):
        yield


@contextmanager
def driver_call(kind: str, name: str, method: str, origin: str = "") -> Iterator[None]:
    """Enclose one call of a method of the driver ``name``. Errors of our own tree pass as they are.

    Args:
        origin: the distribution that it is from, with its version.

    Raises:
        PluginContract: the method raised something else, be it ``SystemExit``.
    """
    who = f"{kind} {name!r} of {origin}" if origin else f"{kind} {name!r}"
    try:
        with plugin_code(f"{method} of {who}"):
            yield
    except LLMwrightError:
        raise
    except BaseException as error:
        if must_pass(error):
            raise
        what = f"{who} failed in {method}: {described(error)}"
        log.error("%s", what, exc_info=error)
        raise PluginContract(what, hint=HINT) from error


def must_pass(error: BaseException) -> bool:
    """Return whether nobody may hold up ``error``: it ends a frame, or is Ctrl-C in the main thread."""
    interrupts = isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()
    return interrupts or type(error).__name__ in ENDINGS


def described(error: BaseException) -> str:
    """Return type and text of an error in one line of at most 300 characters; its type where it has no text."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # the error is of a stranger's class
        text = ""
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return line if len(line) <= 300 else f"{line[:299]}…"
