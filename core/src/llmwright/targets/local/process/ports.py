"""Free ports of this machine."""

from __future__ import annotations

import socket

from llmwright.errors import TargetError


def is_free(host: str, port: int) -> bool:
    """Whether ``port`` can be bound on ``host`` now, as a server would bind it."""
    with _socket(host) as probe:
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(host: str, within: tuple[int, int] | None = None) -> int:
    """A number that nobody listens on; somebody may take it before it is used, so its user must be able to move.

    ``within`` gives the first and last number to choose from.

    Raises:
        TargetError: ``NoFreePort``, or ``HostInvalid`` where ``host`` is no address of this machine.
    """
    if within is not None:
        found = next((number for number in range(within[0], within[1] + 1) if is_free(host, number)), None)
        if found is None:
            raise TargetError(f"no port from {within[0]} to {within[1]} is free on {host}", reason="NoFreePort")
        return found
    try:
        return _any_port(host)
    except OSError as error:
        raise TargetError(
            f"{host!r} cannot be bound: {error.strerror or error}",
            hint="set endpoints.host to an address of this machine",
            reason="HostInvalid",
        ) from error


def _any_port(host: str) -> int:
    with _socket(host) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _socket(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return found
