"""Connections: the only file of this room that opens them, and the place where the address rules are enforced.

The rules are checked against the address of the connection itself. A name is resolved once, every answer is checked,
and the connection goes to one of these addresses. So a second answer of a hostile name server (DNS rebinding) has no
effect.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any

import httpcore

from llmwright.artifacts.addresses import LOOPBACK, SourceRules, is_local_name, refused
from llmwright.artifacts.networks import IPAddress, literal_addresses
from llmwright.artifacts.pace import Pace

Resolver = Callable[[str, int], Sequence[IPAddress]]

_WRITTEN_BYTES = 64 * 1024


def system_resolver(host: str, port: int) -> Sequence[IPAddress]:
    """Resolve a name with this machine's resolver, and return the addresses in its order."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise httpcore.ConnectError(f"the name {host} cannot be resolved") from error
    return tuple(dict.fromkeys(ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers))


class PacedStream(httpcore.NetworkStream):
    """A connection whose handshake, reads and writes keep to a pace."""

    def __init__(self, stream: httpcore.NetworkStream, pace: Pace) -> None:
        self._stream = stream
        self._pace = pace

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with self._paced(timeout) as seconds:
            block = self._stream.read(max_bytes, seconds)
        self._pace.passed(len(block))
        return block

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _WRITTEN_BYTES):
            block = buffer[start : start + _WRITTEN_BYTES]
            with self._paced(timeout) as seconds:
                self._stream.write(block, seconds)
            self._pace.passed(len(block))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        with self._paced(timeout) as seconds:
            return PacedStream(self._stream.start_tls(ssl_context, server_hostname, seconds), self._pace)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    @contextlib.contextmanager
    def _paced(self, timeout: float | None) -> Iterator[float]:
        try:
            yield self._pace.limit(timeout)
        except httpcore.TimeoutException:
            self._pace.limit(timeout)  # says so where the patience ended, not the time-out
            raise


class PacedBackend(httpcore.NetworkBackend):
    """Connects anywhere, at a pace: for proxies, whose address the user's environment names."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        seconds = self._pace.limit(timeout)
        return PacedStream(self._sockets.connect_tcp(host, port, seconds, local_address, socket_options), self._pace)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class GuardedBackend(PacedBackend):
    """Connects only to addresses that the rules permit, after a check of all addresses behind the name."""

    def __init__(self, rules: SourceRules, pace: Pace, resolve: Resolver = system_resolver) -> None:
        super().__init__(pace)
        self._rules = rules
        self._resolve = resolve

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        last: Exception = httpcore.ConnectError(f"the name {host} has no address")
        for address in self._permitted(host, port):
            try:
                return super().connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                last = error
        raise last

    def _permitted(self, host: str, port: int) -> Sequence[IPAddress]:
        if is_local_name(host):
            loopback = [address for address in LOOPBACK if self._rules.refusal(host, [address], port) is None]
            addresses: Sequence[IPAddress] = loopback or LOOPBACK
        else:
            addresses = literal_addresses(host) or self._resolve(host, port)
        problem = self._rules.refusal(host, addresses, port)
        if problem:
            raise refused(problem)
        return addresses
