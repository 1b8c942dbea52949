"""How the processes of this machine are run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from llmwright.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """What settings say, recorded with each Workspace so that its supervisor needs no settings file.

    ``host`` is the address that servers bind. ``ports`` maps a port's name to the number that the user wants; others
    are free ones, from ``port_range`` (first and last) where that is set. ``grace_s`` passes between SIGTERM and
    SIGKILL. A process that fails is started again after ``backoff_first_s``, then twice as long each time up to
    ``backoff_most_s``: ``retries`` times in a job, without end for a server, which counts as failed after
    ``crash_loop`` crashes in a row. ``tick_s`` is how often running processes are looked at. ``on_success`` and
    ``preflight`` go to the lifecycle's policy. ``plugins`` holds the drivers' settings by name, ``blocked_plugins``
    and ``allowed_plugins`` go to the registry; ``docker_config`` is the directory with the user's registry credentials.
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
        """What ``settings`` say about this target."""
        ends = settings.endpoints
        ranged = ends.first_port is not None or ends.last_port is not None
        return cls(
            host=ends.host,
            ports=dict(ends.ports),
            port_range=(ends.first_port or 1024, ends.last_port or 65535) if ranged else None,
            on_success=settings.on_success,
            preflight=settings.preflight,
            plugins=dict(settings.plugins),
            blocked_plugins=settings.blocked_plugins,
            allowed_plugins=settings.allowed_plugins,
            docker_config=str(settings.docker_config) if settings.docker_config else None,
        )

    def backoff(self, failures: int) -> float:
        """Seconds to wait after that many failures in a row."""
        return float(min(self.backoff_first_s * 2.0 ** min(max(failures - 1, 0), 32), self.backoff_most_s))

    @property
    def address(self) -> str:
        """Where this machine reaches what its servers bind."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
