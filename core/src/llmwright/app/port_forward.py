"""The Service of a Workspace on a cluster, at a port of this machine: by ``kubectl port-forward``."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import subprocess
import time
from threading import Thread
from types import TracebackType
from typing import IO, cast

from llmwright.errors import ConfigError, TargetError

ANSWER_S = 30.0
"""How long kubectl may take to find a pod and open the port."""
_OPEN = re.compile(rb"Forwarding from (127\.0\.0\.1:\d+) ->")
_ELSE = "name the URL of the Service in place of the Workspace"


class PortForward:
    """A forwarded port while it is used in ``with``, which gives its URL.

    kubectl asks the API server with the user's own rights, and leads to one pod, also where the Service has several.
    """

    def __init__(self, namespace: str, service: str, kubeconfig: str | None = None, context: str | None = None) -> None:
        self._command = [
            *("kubectl", "--namespace", namespace),
            *(("--kubeconfig", kubeconfig) if kubeconfig else ()),
            *(("--context", context) if context else ()),
            *("port-forward", "--address=127.0.0.1", f"service/{service}", ":80"),
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: Thread | None = None

    def __enter__(self) -> str:
        """Return the URL.

        Raises:
            ConfigError: there is no kubectl here.
            TargetError: it cannot forward, with its own last words.
        """
        program = shutil.which("kubectl")
        if program is None:
            raise ConfigError("a Workspace on a cluster is reached by kubectl, which is not here", hint=_ELSE)
        self._process = subprocess.Popen(
            [program, *self._command[1:]],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        output = cast("IO[bytes]", self._process.stdout)
        try:
            address = self._address(output)
        except BaseException:
            self._end()
            raise
        # kubectl writes a line for each connection: with a full pipe it, and every request, would stand still.
        self._reader = Thread(target=_read_to_end, args=(output,), name="kubectl", daemon=True)
        self._reader.start()
        return f"http://{address}"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _address(self, output: IO[bytes]) -> str:
        deadline, written = time.monotonic() + ANSWER_S, b""
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                piece = os.read(output.fileno(), 4096)
                written = (written + piece)[-65_536:]
                opened = _OPEN.search(written)
                if opened:
                    return opened[1].decode()
                if not piece:
                    break
        lines = written.decode(errors="replace").split("\n")
        words = next((line.strip() for line in reversed(lines) if line.strip()), "")
        raise self._failure(words or f"it opened no port within {ANSWER_S:g} s")

    def _failure(self, words: str) -> TargetError:
        from llmwright.targets.kubernetes.commands.access import denied

        refused = denied(words)
        if refused is not None:
            return refused
        service = next(part for part in self._command if part.startswith("service/"))
        return TargetError(f"kubectl does not reach {service}: {words}", hint=_ELSE, reason="EndpointUnreachable")

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._reader is not None:
            # A child of kubectl's may hold the pipe open; the thread then ends with this process.
            self._reader.join(1)
        if process.stdout is not None and not (self._reader and self._reader.is_alive()):
            process.stdout.close()


def _read_to_end(output: IO[bytes]) -> None:
    while os.read(output.fileno(), 65_536):
        pass
