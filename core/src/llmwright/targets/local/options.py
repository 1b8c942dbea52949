"""The settings by which processes of this machine are run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from llmwright.values.backoff import Backoff

if TYPE_CHECKING:
    from llmwright.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """The settings of this target, recorded with each Workspace so that its supervisor needs no settings file.

    * ``host``: the address that servers bind.
    * ``ports``: the number that the user chose, by the port's name. Other ports get a free number, out of
      ``port_range`` (first and last) where that is set.
    * ``grace_s``: the time between SIGTERM and SIGKILL.
    * ``retries``: how often a job's failed process is started again; a server's is started again without end.
    * ``crash_loop``: after so many crashes in a row a server counts as failed.
    * ``backoff_first_s``, ``backoff_most_s``: the first and the longest pause before a process is started again.
    * ``tick_s``: how often running processes are checked.
    * ``on_success``, ``preflight``: for the lifecycle's policy.
    * ``plugins``: the plugins' settings by kind and name; ``blocked_plugins``, ``allowed_plugins``: for the registry.
    * ``docker_config``: the directory with the user's registry credentials.
    """

    host: str = "127.0.0.1"
    ports: Mapping[str, int] = field(default_factory=dict)
    port_range: tuple[int, int] | None = None
    grace_s: float = 20.0
    retries: int = 3
    crash_loop: int = 3
    backoff_first_s: float = 1.0
    backoff_most_s: float = 60.0
    tick_s: float = 0.5
    on_success: Literal["serve", "release"] = "serve"
    preflight: bool = True
    plugins: Mapping[str, Any] = field(default_factory=dict)
    blocked_plugins: tuple[str, ...] = ()
    allowed_plugins: tuple[str, ...] | None = None
    docker_config: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> LocalOptions:
        """Return the part of ``settings`` that this target needs."""
        endpoints = settings.endpoints
        has_range = endpoints.first_port is not None or endpoints.last_port is not None
        return cls(
            host=endpoints.host,
            ports=dict(endpoints.ports),
            port_range=(endpoints.first_port or 1024, endpoints.last_port or 65535) if has_range else None,
            on_success=settings.on_success,
            preflight=settings.preflight,
            plugins=settings.plugins.by_kind,
            blocked_plugins=settings.blocked_plugins,
            allowed_plugins=settings.allowed_plugins,
            docker_config=str(settings.docker_config) if settings.docker_config else None,
        )

    @property
    def backoff(self) -> Backoff:
        """The pauses between failures of one process."""
        return Backoff(self.backoff_first_s, self.backoff_most_s)

    @property
    def address(self) -> str:
        """The address at which this machine reaches its own servers."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
