"""The listening socket, opened before anything slow is loaded."""

from __future__ import annotations

import socket

from llmwright.errors import ConfigError


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises ConfigError, which names the port, if the port is in use."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends small pieces at once (TCP_NODELAY) only where the protocol is named. Otherwise the kernel keeps the
    # first piece of a stream until the client has acknowledged the headers, which clients do after 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # Listen at once: on Linux two sockets with SO_REUSEADDR may both bind a port as long as neither listens.
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"cannot listen on {host} port {port}: {error.strerror or error}",
            hint="end what uses the port, or choose another with --port (0 takes a free one)",
        ) from error
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL of the socket, http://HOST:PORT."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
