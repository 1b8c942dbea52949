"""Back-off: the pause after failures in a row, longer each time, up to a limit."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """``first_s`` seconds after the first failure, ``factor`` times as long after each further one, at most ``most_s``.

    Raises:
        ValueError: ``first_s`` is negative, ``most_s`` below it, or ``factor`` below 1.
    """

    first_s: float
    most_s: float
    factor: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.first_s <= self.most_s or self.factor < 1:
            raise ValueError(f"{self}: 0 <= first_s <= most_s and factor >= 1 must hold")

    def pause_s(self, failures: int, *, jitter: float = 0.0) -> float:
        """Return the seconds to wait after ``failures`` failures in a row; 0 without a failure.

        Args:
            failures: any number, however large.
            jitter: a random number from 0 to 1, drawn by the caller. It takes up to half of the pause away, so that
                many callers that failed together do not come back together.
        """
        if failures <= 0:
            return 0.0
        return self._whole_s(failures) * (1 - jitter / 2)

    def _whole_s(self, failures: int) -> float:
        try:
            return float(min(self.first_s * self.factor ** (failures - 1), self.most_s))
        except OverflowError:
            # A float ends near 1e308, which a doubling pause passes after 1024 failures: days, for a short pause.
            return float(self.most_s)
