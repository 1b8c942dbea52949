"""An HTTPS server that answers POST requests, with a limit on threads, connections and time."""

from __future__ import annotations

import contextlib
import logging
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import Any

from llmwright.errors import ConfigError

WORKERS = 8
WAITING = 256
"""The most connections that are open or wait for a worker. An API server handles 200 writes at once."""

LARGEST_BODY = 4 * 1024**2
"""Bytes. An object in etcd has at most 1.5 MiB, and an update carries two."""

SILENCE_S = 5.0
"""How long a read waits for a client that sends nothing."""
DEADLINE_S = 15.0
"""How long a connection may take in all."""
GRACE_S = 2.0
"""How long ``stop`` waits for requests that are being answered."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status code, media type and body of a response."""

    code: int
    media_type: str
    body: bytes


@dataclass(slots=True, eq=False)
class _Connection:
    socket: socket.socket
    hang_up_at: float

    def hang_up(self) -> None:
        # Not ``SSLSocket.shutdown``: it drops the TLS session while a worker may still read from it.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


class HttpsServer(TCPServer):
    """Answers with at most ``WORKERS`` threads. Each connection carries one request and lasts at most ``DEADLINE_S``.

    Connections are not kept open: an idle one would occupy a thread that others wait for, and its client would not
    see the new certificate after a rotation.
    """

    allow_reuse_address = True
    request_queue_size = WAITING

    def __init__(self, host: str, port: int, context: ssl.SSLContext, answer: Callable[[bytes], Answer]) -> None:
        """Listen. ``context`` may be replaced at any time.

        Raises:
            ConfigError: the port is taken.
        """
        self.context, self.answer = context, answer
        self._pool = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="webhook")
        self._open: set[_Connection] = set()
        self._lock = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}", reason="PortInUse") from error

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Answer requests, in threads of the server."""
        threading.Thread(target=self.serve_forever, args=(0.25,), name="webhook", daemon=True).start()

    def stop(self) -> None:
        """Stop listening. Requests that are being answered get ``GRACE_S`` to end."""
        self.shutdown()
        self.server_close()
        last = threading.Timer(GRACE_S, self._hang_up, (math.inf,))
        last.start()
        self._pool.shutdown(wait=True, cancel_futures=True)
        last.cancel()
        for waiting in tuple(self._open):
            waiting.socket.close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection to a worker. The worker also does the handshake, which a slow client may delay."""
        connection = _Connection(request, time.monotonic() + DEADLINE_S)
        with self._lock:
            full = len(self._open) >= WAITING
            if not full:
                self._open.add(connection)
        if full:
            log.warning("the webhook has too many connections: one was refused")
            self.shutdown_request(request)
        else:
            self._pool.submit(self._serve, connection, client_address)

    def service_actions(self) -> None:
        """End the connections that have passed their deadline."""
        self._hang_up(time.monotonic())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log the error; the base class would print it to stderr."""
        log.exception("accepting a connection of the webhook's failed")

    def _hang_up(self, before: float) -> None:
        with self._lock:
            late = [connection for connection in self._open if connection.hang_up_at <= before]
        for connection in late:
            connection.hang_up()

    def _serve(self, connection: _Connection, client_address: Any) -> None:
        try:
            connection.socket.settimeout(SILENCE_S)
            encrypted = self.context.wrap_socket(connection.socket, server_side=True, do_handshake_on_connect=False)
            # Before the handshake, so that the deadline ends a client that stalls in it.
            connection.socket = encrypted
            encrypted.do_handshake()
            self.finish_request(encrypted, client_address)
        except ssl.SSLError as error:
            log.info("no TLS with a client of the webhook: %s", error.reason or error)
        except OSError:
            log.debug("a client of the webhook left")
        except Exception:
            log.exception("a connection of the webhook failed")
        finally:
            with self._lock:
                self._open.discard(connection)
            self.shutdown_request(connection.socket)


class _Handler(BaseHTTPRequestHandler):
    server: HttpsServer
    error_message_format = "%(code)d %(message)s\n"
    error_content_type = "text/plain; charset=utf-8"

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdecimal()):
            self.send_error(411)
        elif len(length) > 12 or int(length) > LARGEST_BODY:
            self.send_error(413)
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                self._send(self.server.answer(body))

    def version_string(self) -> str:
        return "llmwright"

    def log_message(self, *_: object) -> None:
        """Log nothing: the webhook counts every request and logs every refusal."""

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.code)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
