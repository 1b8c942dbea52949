"""A port before a server, through which its answers come slowly: for any protocol, and with TLS of the server's own."""

from __future__ import annotations

import contextlib
import socket
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Thread

PIECE_BYTES = 4096
PAUSE_S = 0.02


class SlowPipe:
    """Some 200 KB a second come through each connection, until it is told to ``hurry``."""

    def __init__(self, behind: str, address: str = "127.0.0.1") -> None:
        """``behind`` is HOST:PORT of the server."""
        host, _, port = behind.rpartition(":")
        self.hurry = Event()
        pipe = self

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError), socket.create_connection((host, int(port))) as server:
                    asking = Thread(target=_pass_on, args=(self.request, server), daemon=True)
                    asking.start()
                    while piece := server.recv(PIECE_BYTES):
                        self.request.sendall(piece)
                        pipe.hurry.wait(PAUSE_S)

        class Server(ThreadingTCPServer):
            daemon_threads = True

        self._server = Server((address, 0), Handler)
        self.host = f"{address}:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self.hurry.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _pass_on(client: socket.socket, server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := client.recv(PIECE_BYTES):
            server.sendall(piece)
        server.shutdown(socket.SHUT_WR)
