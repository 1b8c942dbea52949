"""The look for obstacles while an operator works: one that stays ends it, and its next start waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from llmwright.targets.kubernetes.cluster.api_errors import ApiError

EVERY_S = 60.0

log = logging.getLogger(__name__)


class ObstacleWatch:
    """Looks every minute until ``ending`` is set, and calls ``end`` where something stood in the way twice in a row.

    Args:
        look: returns what stands in the way, empty where nothing does; it may raise ApiError.
        end: has the process end.
    """

    def __init__(self, look: Callable[[], str], ending: threading.Event, end: Callable[[], None]) -> None:
        self._look, self._ending, self._end = look, ending, end

    def run(self) -> None:
        """Look, and return once the process ends."""
        stood = False
        while not self._ending.wait(EVERY_S):
            try:
                found = self._look()
            except ApiError:
                # Nothing is known now: what was seen before is neither gone nor seen again.
                continue
            except Exception:
                log.exception("what may stand in the way could not be looked for; again in %.0f s", EVERY_S)
                continue
            # In other words too: a Deployment that is rolled out has other pods each time, and is the same obstacle.
            if found and stood:
                log.error("this operator ends, and its next start waits: %s", found)
                self._end()
                return
            stood = bool(found)
