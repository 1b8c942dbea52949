"""HTTPS for one kind of question: a JSON body is POSTed, and answered."""

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
"""Connections that are open or wait for a worker; any more are hung up on. An API server writes 200 things at once."""

LARGEST_BODY = 4 * 1024**2
"""An object of etcd's is at most 1.5 MiB, and an update carries two."""

SILENCE_S = 5.0
DEADLINE_S = 15.0
GRACE_S = 2.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status code, media type and body."""

    code: int
    media_type: str
    body: bytes


@dataclass(slots=True, eq=False)
class _Conversation:
    socket: socket.socket
    hang_up_at: float

    def hang_up(self) -> None:
        # Not SSLSocket's own, which takes the session away from under whoever reads.
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)


class Server(TCPServer):
    """Answers with at most ``WORKERS`` threads, one request a connection, each within ``DEADLINE_S``.

    An API server that kept connections open would hold threads that others wait for, and a certificate that is
    rotated would not be shown to it.
    """

    allow_reuse_address = True
    request_queue_size = WAITING

    def __init__(self, host: str, port: int, context: ssl.SSLContext, answer: Callable[[bytes], Answer]) -> None:
        """Listens at once; ``context`` may be replaced at any time. Raises ConfigError where the port is taken."""
        self.context, self.answer = context, answer
        self._pool = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="webhook")
        self._open: set[_Conversation] = set()
        self._lock = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}", reason="PortInUse") from error

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Answer, in threads of its own."""
        threading.Thread(target=self.serve_forever, args=(0.25,), name="webhook", daemon=True).start()

    def stop(self) -> None:
        """Listen no more, and give those that are being answered a moment."""
        self.shutdown()
        self.server_close()
        last = threading.Timer(GRACE_S, self._hang_up, (math.inf,))
        last.start()
        self._pool.shutdown(wait=True, cancel_futures=True)
        last.cancel()
        for waiting in tuple(self._open):
            waiting.socket.close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Have a worker converse; the handshake too, which a client may draw out."""
        one = _Conversation(request, time.monotonic() + DEADLINE_S)
        with self._lock:
            full = len(self._open) >= WAITING
            if not full:
                self._open.add(one)
        if full:
            log.warning("the webhook is overrun: a connection was refused")
            self.shutdown_request(request)
        else:
            self._pool.submit(self._converse, one, client_address)

    def service_actions(self) -> None:
        """Hang up on who takes too long, however busy they seem."""
        self._hang_up(time.monotonic())

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing of it goes to stderr."""
        log.exception("accepting a connection of the webhook's failed")

    def _hang_up(self, before: float) -> None:
        with self._lock:
            late = [one for one in self._open if one.hang_up_at <= before]
        for one in late:
            one.hang_up()

    def _converse(self, one: _Conversation, client_address: Any) -> None:
        try:
            one.socket.settimeout(SILENCE_S)
            encrypted = self.context.wrap_socket(one.socket, server_side=True, do_handshake_on_connect=False)
            one.socket = encrypted
            encrypted.do_handshake()
            self.finish_request(encrypted, client_address)
        except ssl.SSLError as error:
            log.info("no TLS with a client of the webhook: %s", error.reason or error)
        except OSError:
            log.debug("a client of the webhook left")
        except Exception:
            log.exception("a conversation of the webhook broke")
        finally:
            with self._lock:
                self._open.discard(one)
            self.shutdown_request(one.socket)


class _Handler(BaseHTTPRequestHandler):
    server: Server
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
        """Every request is counted, and refusals are logged where they are decided."""

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.code)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)
