"""Docker's credential helpers: the programs ``docker-credential-NAME``, asked through their standard input.

Their protocol is that of docker/docker-credential-helpers. A helper is a stranger's program: its answer is bounded in
time and size, and what it says is never shown.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import IO

from llmwright.errors import ConfigError
from llmwright.reading.json_reader import read_json

HELPER_SECONDS = 60.0
LARGEST_ANSWER_BYTES = 64 * 1024


class NoAnswer(Exception):
    """The helper is missing, failed or gave no answer. Its text says so, and holds nothing that the helper said."""


@dataclass(frozen=True, slots=True)
class HelperAnswer:
    """The user's name and secret that a helper keeps for one server."""

    username: str
    secret: str = field(repr=False)


def ask_helper(name: str, server: str) -> HelperAnswer | None:
    """Return the answer of ``docker-credential-NAME`` for ``server``; None where it keeps none.

    Raises NoAnswer for a helper that is missing, fails, prints something else or without end, or does not end;
    ConfigError (CredentialsUnreadable) for a name that no helper can have.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise ConfigError(f"{name[:80]!r} is no credential helper's name", reason="CredentialsUnreadable")
    program = f"docker-credential-{name}"
    code, output = _run(program, server)
    if code and b"credentials not found" in output.lower():
        return None
    try:
        fields = read_json(output) if code == 0 else {}
        answer = HelperAnswer(str(fields["Username"]), str(fields["Secret"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NoAnswer(f"the credential helper {program} failed for {server} (exit code {code})") from None
    return answer if answer.username or answer.secret else None


def _run(program: str, server: str) -> tuple[int, bytes]:
    """Return exit code and output. The helper has a session of its own, so that its children end with it."""
    try:
        process = subprocess.Popen(
            [program, "get"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as error:
        what = "is not on PATH" if isinstance(error, FileNotFoundError) else "cannot be run"
        raise NoAnswer(f"the credential helper {program} {what}") from None
    try:
        return _exchange(process, program, server)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        raise
    finally:
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _exchange(process: subprocess.Popen[bytes], program: str, server: str) -> tuple[int, bytes]:
    deadline = time.monotonic() + HELPER_SECONDS
    if process.stdin is None or process.stdout is None:
        raise AssertionError("unreachable")
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(server.encode())
        process.stdin.close()
    output = _read(process.stdout, deadline, program)
    try:
        return process.wait(max(deadline - time.monotonic(), 0.0)), output
    except subprocess.TimeoutExpired:
        raise _late(program) from None


def _read(pipe: IO[bytes], deadline: float, program: str) -> bytes:
    output = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0 and selector.select(left):
            block = os.read(pipe.fileno(), 8192)
            if not block:
                return output
            output += block
            if len(output) > LARGEST_ANSWER_BYTES:
                raise NoAnswer(f"the credential helper {program} prints more than {LARGEST_ANSWER_BYTES:,} bytes")
    raise _late(program)


def _late(program: str) -> NoAnswer:
    return NoAnswer(f"the credential helper {program} does not answer within {HELPER_SECONDS:.0f} seconds")
