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


class ProgressServer(ThreadingHTTPServer):
    """Tells the download that is under way, else the last step of ``file``: JSON lines with ``event: step``."""

    def __init__(self, port: int, file: Path | None) -> None:
        """Listen; raises OSError or OverflowError where it cannot."""
        self._file, self._since = file, time.time() - CLOCKS_DIFFER_S
        self._download: Mapping[str, Any] | None = None
        # The address of the pod is not known here, and on all of them it is the pod's alone.
        super().__init__(("", port), _Handler)

    @contextmanager
    def downloading(self) -> Iterator[Tell]:
        """Yield what takes the events of a download, which are told until the block ends."""
        try:
            yield self._take
        finally:
            self._download = None

    def event(self) -> Mapping[str, Any] | None:
        """Return what is told now; None for nothing."""
        step = last_step(self._file, self._since) if self._file is not None else None
        return self._download or step

    def _take(self, event: Mapping[str, Any]) -> None:
        self._download = dict(event)


def serve_progress(file: Path) -> ProgressServer | None:
    """Answer in threads of this process until it ends; return None where no port is named or it is taken.

    Args:
        file: JSON lines; those with ``event: step`` tell the steps.
    """
    server = _listen(file)
    if server is not None:
        threading.Thread(target=server.serve_forever, name="progress", daemon=True).start()
    return server


@contextmanager
def downloads_told(server: ProgressServer | None = None) -> Iterator[Tell | None]:
    """Yield what takes the events of a download, to be told until the block ends; None where nothing listens.

    Args:
        server: the one of this process, which goes on listening. Without it one listens until the block ends.
    """
    if server is not None:
        with server.downloading() as tell:
            yield tell
        return
    own = _listen(None)
    if own is None:
        yield None
        return
    threading.Thread(target=own.serve_forever, args=(LOOK_S,), name="downloads", daemon=True).start()
    try:
        with own.downloading() as tell:
            yield tell
    finally:
        # So that a server of models listens nowhere but where it is meant to.
        own.shutdown()
        own.server_close()


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


def _listen(file: Path | None) -> ProgressServer | None:
    """Return a server on the port that the environment names; None without one, or where it is taken."""
    named = os.environ.get(PORT, "")
    if not named.isdecimal():
        return None
    try:
        return ProgressServer(int(named), file)
    except (OSError, OverflowError):
        # The work matters, and the telling of it does not.
        return None


class _Handler(BaseHTTPRequestHandler):
    server: ProgressServer
    timeout = 5

    def do_GET(self) -> None:
        """Answer with the download or the last step; 404 for another path, or where there is neither."""
        event = self.server.event() if self.path == PATH else None
        body = json.dumps(event).encode() if event is not None else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write nothing: the log is the workload's."""
