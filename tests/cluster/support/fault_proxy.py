"""A proxy between a client and the API server that makes trouble, by a seed: refusals, lost answers, broken watches."""

from __future__ import annotations

import http.client
import json
import random
import ssl
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

REFUSALS = {
    409: ("Conflict", {}),
    429: ("TooManyRequests", {"Retry-After": "0"}),
    500: ("InternalError", {}),
    503: ("ServiceUnavailable", {"Retry-After": "0"}),
}
LOST = "lost"
GONE = "gone"
DROPPED = "dropped"
SLOW = "slow"
SLOW_S = 1.5


class FaultProxy:
    """Speaks plain HTTP to one client. While ``trouble`` is above 0, that share of requests goes wrong.

    A write may be refused before it reaches the server, or carried out with its answer lost. A watch may be answered
    with 410 Gone, or break off after any event. What has not gone wrong yet goes wrong first, and ``planned`` faults
    before all, whatever is asked, or for writes to a path with the text of ``planned_writes``. ``done`` counts what was
    done.
    """

    def __init__(self, server: str, ca: Path, seed: int, port: int = 0) -> None:
        self._target, self._ca = urlsplit(server), ca
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.trouble = 0.0
        self.planned: list[str | int] = []
        self.planned_writes: dict[str, list[str | int]] = {}
        self.done: Counter[str] = Counter()
        self._http = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._http.daemon_threads = True
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def stop(self) -> None:
        """Listen no more."""
        self._http.shutdown()
        self._http.server_close()

    def fault(self, method: str, path: str, *, watch: bool) -> str | int | None:
        """What goes wrong with the next request, None where nothing does."""
        with self._lock:
            for text, planned in self.planned_writes.items():
                if planned and method != "GET" and text in path:
                    self.done[f"{planned[0]} {text}"] += 1
                    return planned.pop(0)
            if self.planned:
                return self.planned.pop(0)
            if self._random.random() >= self.trouble:
                return None
            choices: list[str | int] = [429, 500, 503]
            if watch:
                choices += [GONE, GONE]
            elif method == "GET":
                choices += [SLOW, SLOW]
            else:
                choices += [409, LOST, LOST]
            met = self._met()
            found = self._random.choice([one for one in choices if str(one) not in met] or choices)
            self.done[f"{found} {'watch' if watch else method}"] += 1
            return found

    @property
    def kinds(self) -> set[str]:
        """What went wrong at least once, whatever the request."""
        with self._lock:
            return self._met()

    def _met(self) -> set[str]:
        return {what.partition(" ")[0] for what, count in self.done.items() if count}

    def breaks(self) -> bool:
        """Whether a watch breaks off now."""
        with self._lock:
            found = self._random.random() < self.trouble / 3
            self.done[f"{DROPPED} watch"] += found
            return found

    def connect(self) -> http.client.HTTPSConnection:
        """A connection to the real server."""
        context = ssl.create_default_context(cafile=str(self._ca))
        return http.client.HTTPSConnection(self._target.hostname or "", self._target.port, context=context, timeout=300)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                _forward(proxy, self)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        return Handler


def _forward(proxy: FaultProxy, request: BaseHTTPRequestHandler) -> None:
    body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
    watch = "watch=true" in request.path
    fault = proxy.fault(request.command, request.path, watch=watch)
    if isinstance(fault, int):
        _refuse(request, fault)
        return
    if fault == GONE:
        _tell_gone(request)
        return
    if fault == SLOW:
        time.sleep(SLOW_S)
    connection = proxy.connect()
    try:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in ("host", "connection")}
        connection.request(request.command, request.path, body or None, headers)
        answer = connection.getresponse()
        if fault == LOST:
            answer.read()
            request.close_connection = True
        elif watch:
            _stream(proxy, request, answer)
        else:
            _pass_on(request, answer)
    except OSError:
        request.close_connection = True
    finally:
        connection.close()


def _refuse(request: BaseHTTPRequestHandler, code: int) -> None:
    reason, headers = REFUSALS[code]
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}
    text = json.dumps({**status, "message": "made up by the fault proxy"}).encode()
    request.send_response(code)
    for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(text))}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(text)


def _tell_gone(request: BaseHTTPRequestHandler) -> None:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410}
    event = json.dumps({"type": "ERROR", "object": {**status, "message": "too old resource version"}}).encode() + b"\n"
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(event)))
    request.end_headers()
    request.wfile.write(event)


def _stream(proxy: FaultProxy, request: BaseHTTPRequestHandler, answer: http.client.HTTPResponse) -> None:
    """Events as they come, until the connection breaks."""
    request.send_response(answer.status)
    request.send_header("Content-Type", answer.getheader("Content-Type") or "application/json")
    request.send_header("Transfer-Encoding", "chunked")
    request.end_headers()
    while line := answer.readline():
        request.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
        request.wfile.flush()
        if proxy.breaks():
            request.close_connection = True
            return
    request.wfile.write(b"0\r\n\r\n")


def _pass_on(request: BaseHTTPRequestHandler, answer: http.client.HTTPResponse) -> None:
    text = answer.read()
    request.send_response(answer.status)
    for name in ("Content-Type", "Retry-After"):
        value = answer.getheader(name)
        if value:
            request.send_header(name, value)
    request.send_header("Content-Length", str(len(text)))
    request.end_headers()
    request.wfile.write(text)
