"""The progress of a workload's process, told by itself to whoever watches over its pod.

A pod that the operator renders names a port in ``PORT``. There a process that fetches weights, or tunes, answers
``GET /progress`` as JSON: with the download that is under way, else with the last step of its progress file. The
operator asks the pod itself: so it needs no right to read logs, to run programs in pods or to reach them through the
API server, and the pod needs no account to write anywhere.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORT = "LLMWRIGHT_PROGRESS_PORT"
"""The variable that names the port; without it nothing listens."""
PATH = "/progress"
TAIL_BYTES = 8 * 1024
CLOCKS_DIFFER_S = 2.0
"""A volume's server may have another clock."""
LOOK_S = 0.05
"""How long the end of a download waits at most until nothing listens any more."""

Tell = Callable[[Mapping[str, Any]], None]


@dataclass
class _Download:
    """The last event of the download that is under way; None while there is none."""

    event: Mapping[str, Any] | None = None


_download = _Download()
"""Of this process, whichever server is asked: a tuner fetches its model while the server of its steps listens."""


def serve_progress(file: Path) -> int | None:
    """Answer in threads of this process until it ends; return the port, None where none is named or it is taken.

    Args:
        file: JSON lines; those with ``event: step`` tell the steps.
    """
    server = _listen(file)
    if server is None:
        return None
    threading.Thread(target=server.serve_forever, name="progress", daemon=True).start()
    return server.server_port


@contextmanager
def downloads_told() -> Iterator[Tell | None]:
    """Yield what takes the events of a download, to be told until the block ends; None where no port is named."""
    if not _port():
        yield None
        return
    server = _listen(None)
    if server is not None:
        threading.Thread(target=server.serve_forever, args=(LOOK_S,), name="downloads", daemon=True).start()
    try:
        yield _tell
    finally:
        _download.event = None
        if server is not None:
            # So that a server of models listens nowhere but where it is meant to.
            server.shutdown()
            server.server_close()


def last_step(file: Path, since: float = 0.0) -> dict[str, Any] | None:
    """Return the last whole ``step`` event of the file, None where there is none, or nothing was written ``since``.

    A volume may hold the file of an earlier tuning.
    """
    try:
        with file.open("rb") as lines:
            if os.fstat(lines.fileno()).st_mtime < since:
                return None
            lines.seek(max(0, lines.seek(0, 2) - TAIL_BYTES))
            # The last part is empty, or a line that is still being written.
            written = lines.read().split(b"\n")[:-1]
    except OSError:
        return None
    for line in reversed(written):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("event") == "step":
            return event
    return None


def _tell(event: Mapping[str, Any]) -> None:
    _download.event = dict(event)


def _port() -> int | None:
    named = os.environ.get(PORT, "")
    return int(named) if named.isdecimal() else None


def _listen(file: Path | None) -> ThreadingHTTPServer | None:
    """Return a server that listens on the port that is named; None without one, or where it is taken."""
    port = _port()
    if port is None:
        return None

    class Handler(_Handler):
        progress = file
        since = time.time() - CLOCKS_DIFFER_S

    try:
        # The address of the pod is not known here, and on all of them it is the pod's alone.
        return ThreadingHTTPServer(("", port), Handler)
    except (OSError, OverflowError):
        # The work matters, and the telling of it does not.
        return None


class _Handler(BaseHTTPRequestHandler):
    progress: Path | None
    since: float
    timeout = 5

    def do_GET(self) -> None:
        """Answer with the download or the last step; 404 for another path, or where there is neither."""
        event = self._event() if self.path == PATH else None
        body = json.dumps(event).encode() if event is not None else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _event(self) -> Mapping[str, Any] | None:
        step = last_step(self.progress, self.since) if self.progress is not None else None
        return _download.event or step

    def log_message(self, *_: Any) -> None:
        """Write nothing: the log is the workload's."""
