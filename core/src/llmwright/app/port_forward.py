"""The Service of a Workspace on a cluster, at a port of this machine: by ``kubectl port-forward``."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import subprocess
import time
from collections.abc import Callable
from threading import Event, Lock, Thread
from types import TracebackType
from typing import IO, cast

from llmwright.errors import ConfigError, TargetError

ANSWER_S = 30.0
"""How long kubectl may take to find a pod and open the port."""
PAUSE_S, MOST_PAUSE_S = 0.5, 5.0
"""How long to wait before kubectl is started again, the first time and at most."""
_OPEN = re.compile(rb"Forwarding from (127\.0\.0\.1:(\d+)) ->")
_ELSE = "name the URL of the Service in place of the Workspace"
_KEPT = 65_536
"""Bytes of kubectl's output that its last words are looked for in."""

Tell = Callable[[str], None]


class PortForward:
    """A forwarded port while it is used in ``with``, which gives its URL.

    kubectl asks the API server with the user's own rights, and leads to one pod, also where the Service has several.
    It ends with that pod. Then it is started again on the same port, and ``tell`` takes a line that says so: a request
    that was under way is lost, and the next one goes to a pod that answers.
    """

    def __init__(
        self,
        namespace: str,
        service: str,
        kubeconfig: str | None = None,
        context: str | None = None,
        tell: Tell = lambda _: None,
    ) -> None:
        self._arguments = [
            *("--namespace", namespace),
            *(("--kubeconfig", kubeconfig) if kubeconfig else ()),
            *(("--context", context) if context else ()),
            *("port-forward", "--address=127.0.0.1", f"service/{service}"),
        ]
        self._about, self._tell = f"{namespace}/{service}", tell
        self._service = f"service/{service}"
        self._program = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: Thread | None = None
        self._ending, self._starting = Event(), Lock()

    def __enter__(self) -> str:
        """Return the URL.

        Raises:
            ConfigError: there is no kubectl here.
            TargetError: it cannot forward, with its own last words.
        """
        program = shutil.which("kubectl")
        if program is None:
            raise ConfigError("a Workspace on a cluster is reached by kubectl, which is not here", hint=_ELSE)
        self._program = program
        process = self._start("")
        assert process is not None
        try:
            address, port = self._opened(cast("IO[bytes]", process.stdout))
        except BaseException:
            self._end()
            raise
        self._keeper = Thread(target=self._keep, args=(process, port), name="kubectl", daemon=True)
        self._keeper.start()
        return f"http://{address}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _start(self, port: str) -> subprocess.Popen[bytes] | None:
        """Start kubectl on a port of this machine, any where it is empty; None once this is ending."""
        with self._starting:
            if self._ending.is_set():
                return None
            self._process = subprocess.Popen(
                [self._program, *self._arguments, f"{port}:80"],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            return self._process

    def _keep(self, process: subprocess.Popen[bytes] | None, port: str) -> None:
        """Start kubectl again whenever it ends, until this ends."""
        pause_s, told, first = PAUSE_S, False, True
        while process is not None:
            output = cast("IO[bytes]", process.stdout)
            # kubectl writes a line for each connection: with a full pipe it, and every request, would stand still.
            words, opened = _read_to_end(output)
            process.wait()
            if self._ending.is_set():
                return
            output.close()
            if opened or first:
                pause_s, told, first = PAUSE_S, False, False
            else:
                pause_s = min(pause_s * 2, MOST_PAUSE_S)
            if not told:
                self._tell(f"the connection to a pod of {self._about} is lost, and made anew: {words}")
                told = True
            if self._ending.wait(pause_s):
                return
            process = self._start(port)

    def _opened(self, output: IO[bytes]) -> tuple[str, str]:
        """Return the address that kubectl opened, and its port."""
        deadline, written = time.monotonic() + ANSWER_S, b""
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                piece = os.read(output.fileno(), 4096)
                written = (written + piece)[-_KEPT:]
                opened = _OPEN.search(written)
                if opened:
                    return opened[1].decode(), opened[2].decode()
                if not piece:
                    break
        raise self._failure(_last_words(written) or f"it opened no port within {ANSWER_S:g} s")

    def _failure(self, words: str) -> TargetError:
        from llmwright.targets.kubernetes.commands.access import denied

        refused = denied(words)
        if refused is not None:
            return refused
        return TargetError(f"kubectl does not reach {self._service}: {words}", hint=_ELSE, reason="EndpointUnreachable")

    def _end(self) -> None:
        with self._starting:
            self._ending.set()
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._keeper is not None:
            # A child of kubectl's may hold the pipe open; the thread then ends with this process.
            self._keeper.join(1)
        if process.stdout is not None and not (self._keeper and self._keeper.is_alive()):
            process.stdout.close()


def _read_to_end(output: IO[bytes]) -> tuple[str, bool]:
    """Return the last words of kubectl once it has ended, and whether it had opened the port."""
    written, opened = b"", False
    while piece := os.read(output.fileno(), _KEPT):
        written = (written + piece)[-_KEPT:]
        opened = opened or _OPEN.search(written) is not None
    return _last_words(written), opened


def _last_words(written: bytes) -> str:
    lines = written.decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
