"""Port numbers of this machine: find free ones, and keep the same ones for a server that restarts."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

import psutil

from llmwright.errors import TargetError
from llmwright.lifecycle.observed import Role
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.process.child import MARK


class PortNumbers:
    """The numbers of one role's named ports.

    ``recorded`` maps ``role.name`` to the number, for all roles of the Workspace; it is changed in place.
    """

    def __init__(self, role: Role, recorded: dict[str, int], options: LocalOptions) -> None:
        self._role, self._recorded, self._options = role, recorded, options

    def of(self, names: Iterable[str]) -> dict[str, int]:
        """Return the assigned numbers by name."""
        return {name: self._recorded[key] for name in names if (key := self._key(name)) in self._recorded}

    def assign(self, names: Iterable[str]) -> None:
        """Assign each name the user's number, else the number used before where it is free, else a free one.

        Raises:
            TargetError: ``PortTaken``, for a number that the user chose; ``NoFreePort``; ``HostInvalid``.
        """
        host = self._options.host
        for name in names:
            chosen = self._options.ports.get(name)
            number = chosen or self._recorded.get(self._key(name))
            if number is None or not is_free(host, number):
                if chosen:
                    raise _port_taken(host, chosen)
                number = free_port(host, self._options.port_range)
            self._recorded[self._key(name)] = number

    def forget(self, names: Iterable[str]) -> None:
        """Forget the numbers, so that others are assigned next."""
        for name in names:
            self._recorded.pop(self._key(name), None)

    def _key(self, name: str) -> str:
        return f"{self._role}.{name}"


def is_free(host: str, port: int) -> bool:
    """Return whether a server could bind ``port`` on ``host`` now."""
    with _socket(host) as probe:
        try:
            probe.bind((host, port))
            # Bound is not enough: with SO_REUSEADDR, two sockets may bind one port as long as none listens.
            probe.listen(1)
        except OSError:
            return False
    return True


def is_strangers(port: int, mark: str) -> bool:
    """Return whether a process listens on ``port`` that bears another mark, or none; False where nobody can tell."""
    try:
        listening = [found.pid for found in psutil.net_connections("tcp") if _listens_on(found, port)]
    except psutil.Error:
        return False
    marks = [_mark_of(pid) for pid in listening if pid is not None]
    # Several may share a port, as a server and its workers do.
    return bool(marks) and mark not in marks and None not in marks


def free_port(host: str, within: tuple[int, int] | None = None) -> int:
    """Return a free number, out of ``within`` (first and last) where that is given.

    Another program may take it before it is used, so the caller has to cope with a taken port.

    Raises:
        TargetError: ``NoFreePort``, or ``HostInvalid`` where ``host`` is no address of this machine.
    """
    if within is not None:
        number = next((number for number in range(within[0], within[1] + 1) if is_free(host, number)), None)
        if number is None:
            raise TargetError(f"no port from {within[0]} to {within[1]} is free on {host}", reason="NoFreePort")
        return number
    try:
        return _any_port(host)
    except OSError as error:
        raise TargetError(
            f"{host!r} cannot be bound: {error.strerror or error}",
            hint="set endpoints.host to an address of this machine",
            reason="HostInvalid",
        ) from error


def _listens_on(connection: Any, port: int) -> bool:
    return bool(connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port)


def _mark_of(pid: int) -> str | None:
    """Return the mark of a process, empty without one, None where it cannot be read."""
    try:
        return psutil.Process(pid).environ().get(MARK, "")
    except (psutil.Error, OSError):
        return None


def _port_taken(host: str, number: int) -> TargetError:
    return TargetError(
        f"port {number} on {host} is taken by another program", hint="name another port, or none", reason="PortTaken"
    )


def _any_port(host: str) -> int:
    with _socket(host) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _socket(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    stream = socket.socket(family, socket.SOCK_STREAM)
    # As servers do: else a port counts as taken for a minute after its last server ended.
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return stream
