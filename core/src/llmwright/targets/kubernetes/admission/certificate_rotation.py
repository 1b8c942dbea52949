"""Which certificate is served, which one is to come, and when. Pure: the time is handed in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from llmwright.targets.kubernetes.admission.certificates import Certificate

RENEWED_AFTER = 0.5
SETTLED_AFTER = 0.125
LONGEST_SETTLING = timedelta(seconds=10)
AT_LEAST_S = 0.05


class Rotation:
    """At half its life a certificate gets a successor, which is served once every API server has had time to trust it.

    An API server learns by a watch whom to trust, and tells nobody when it has: for an eighth of a life, at most 10 s,
    the successor is only made known.
    """

    def __init__(self, issue: Callable[[datetime], Certificate], validity: timedelta, now: datetime) -> None:
        self._issue, self._validity = issue, validity
        self.served = issue(now)
        self._coming: Certificate | None = None
        self._retired: tuple[Certificate, ...] = ()
        self._known_since: datetime | None = None
        self._settled = False

    @property
    def settling(self) -> timedelta:
        """How long one is known before it is served."""
        return min(self._validity * SETTLED_AFTER, LONGEST_SETTLING)

    def wanted(self, now: datetime) -> tuple[Certificate, ...]:
        """Those that have to be trusted now."""
        if self._coming is None and now >= self.served.issued + self._validity * RENEWED_AFTER:
            self._settled = self._known_since is not None
            self._coming, self._known_since = self._issue(now), None
        return (self.served,) if self._coming is None else (self.served, self._coming)

    def made_known(self, now: datetime) -> None:
        """All that was wanted is in the bundle."""
        self._known_since = self._known_since or now
        if now < self._known_since + self.settling and now < self.served.expires:
            return
        self._settled = True
        if self._coming is not None:
            self._retired = (*(one for one in self._retired if one.expires > now), self.served)
            self.served, self._coming = self._coming, None

    def issued(self) -> tuple[Certificate, ...]:
        """All that may still be trusted."""
        return (*self._retired, self.served, *([] if self._coming is None else [self._coming]))

    def is_trusted(self, now: datetime) -> bool:
        """Whether what is served has been known for long enough, and has not expired."""
        settled = self._known_since is not None and now >= self._known_since + self.settling
        return (self._settled or settled) and now < self.served.expires

    def rest_s(self, now: datetime) -> float:
        """Seconds until something is to be done, once all is known."""
        due = self.served.issued + self._validity * RENEWED_AFTER
        if self._coming is not None:
            due = (self._known_since or now) + self.settling
        return max((due - now).total_seconds(), AT_LEAST_S)
