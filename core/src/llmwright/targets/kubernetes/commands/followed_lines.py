"""The lines of one run of a container as it writes them, which go on where the way to it broke off."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping

from llmwright.targets.kubernetes.cluster.api_errors import NOT_FOUND, ApiError
from llmwright.targets.kubernetes.commands.access import AWAY

_STAMP = re.compile(r"(?P<second>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<part>\d{1,9}))?(?:Z|[+-]\d\d:\d\d) ?")
"""The time before each line where it is asked for, in RFC 3339; a node writes all of them in one zone."""

Read = Callable[[Mapping[str, str]], Iterator[str]]
Stamp = tuple[str, str]


class FollowedLines:
    """Reads in a thread of its own. The lines have times on the way, by which none is shown twice."""

    def __init__(self, read: Read, put: Callable[[str], None]) -> None:
        """``read`` yields the lines that a query finds, ``put`` takes those to show."""
        self._read, self._put = read, put
        self._thread: threading.Thread | None = None
        self._since, self._last = "", ("", "")
        self._broken = self._told = False

    @property
    def alive(self) -> bool:
        """Whether lines may still come by themselves."""
        return self._thread is not None and self._thread.is_alive()

    def go_on(self, *, running: bool) -> None:
        """Read on where nobody reads, and there is more: at first, after a break, and while the container runs."""
        if self.alive or not (self._thread is None or self._broken or running):
            return
        self._broken = False
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        # The API server takes a time, and the node its whole second: the lines of that second come again.
        query = {"timestamps": "true", **({"sinceTime": self._since} if self._since else {})}
        shown = self._last
        try:
            for line in self._read(query):
                stamp, text = parted(line)
                if stamp is not None:
                    if stamp[0] <= shown:
                        continue
                    self._last, self._since = stamp
                self._put(text)
        except ApiError as error:
            self._broken = error.code != NOT_FOUND
            # Whoever looks after the Workspace meanwhile says that the API server is away.
            if self._broken and error.code not in AWAY and not self._told:
                self._told = True
                self._put(error.message)


def parted(line: str) -> tuple[tuple[Stamp, str] | None, str]:
    """Return the time of a line, as it sorts and as it is written, and its text; None for a line without; pure."""
    found = _STAMP.match(line)
    if found is None:
        return None, line
    return ((found["second"], (found["part"] or "").ljust(9, "0")), found[0].strip()), line[found.end() :]
