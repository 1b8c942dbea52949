"""The progress of a tuning, told by its own process to whoever watches over its pod.

A pod that the operator renders names a port in ``PORT``. There the tuning process answers ``GET /progress`` with the
last step of its progress file, as JSON. The operator asks the pod itself: so it needs no right to read logs, to run
programs in pods or to reach them through the API server, and the pod needs no account to write anywhere.
"""

from __future__ import annotations

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORT = "LLMWRIGHT_PROGRESS_PORT"
"""The variable that names the port; without it nothing listens."""
PATH = "/progress"
TAIL_BYTES = 8 * 1024
CLOCKS_DIFFER_S = 2.0
"""A volume's server may have another clock."""


def serve_progress(file: Path) -> int | None:
    """Answer in threads of this process until it ends; return the port, None where none is named or it is taken.

    Args:
        file: JSON lines; those with ``event: step`` tell the steps.
    """
    wanted = os.environ.get(PORT, "")
    if not wanted.isdecimal():
        return None

    class Handler(_Handler):
        progress = file
        since = time.time() - CLOCKS_DIFFER_S

    try:
        # The address of the pod is not known here, and on all of them it is the pod's alone.
        server = ThreadingHTTPServer(("", int(wanted)), Handler)
    except (OSError, OverflowError):
        # The tuning matters, and the telling of it does not.
        return None
    threading.Thread(target=server.serve_forever, name="progress", daemon=True).start()
    return server.server_port


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


class _Handler(BaseHTTPRequestHandler):
    progress: Path
    since: float
    timeout = 5

    def do_GET(self) -> None:
        """Answer with the last step; 404 for another path, or before the first."""
        step = last_step(self.progress, self.since) if self.path == PATH else None
        body = json.dumps(step).encode() if step is not None else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Write nothing: the log is the tuning's."""
