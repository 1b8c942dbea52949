"""When the next checkpoint is due."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class CheckpointInterval:
    """The time between checkpoints: ``seconds`` if set, 0 for no checkpoints.

    None keeps the cost of checkpoints to about two percent of the time: the interval is fifty times as long as the last
    one took to write, at least ``FLOOR`` and at most ``CEILING`` seconds.
    """

    seconds: float | None
    started: float
    cost: float = 0.0

    FLOOR = 5.0
    CEILING = 300.0
    FACTOR = 50.0

    def due(self, now: float) -> bool:
        """Return whether a checkpoint is due at ``now``, in seconds on the clock of ``started``."""
        if self.seconds is not None:
            return 0 < self.seconds <= now - self.started
        return now - self.started >= min(self.CEILING, max(self.FLOOR, self.FACTOR * self.cost))

    def written(self, start: float, end: float) -> None:
        """Note that a checkpoint was written between ``start`` and ``end``."""
        self.cost = end - start
        self.started = end
