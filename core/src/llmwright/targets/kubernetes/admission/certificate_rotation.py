"""Which certificate is served, and when the next one is issued, published and served. Pure: callers give the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from llmwright.targets.kubernetes.admission.certificates import Certificate

RENEWED_AFTER = 0.5
SETTLED_AFTER = 0.125
LONGEST_SETTLING = timedelta(seconds=10)
AT_LEAST_S = 0.05


class CertificateRotation:
    """The certificate that is served, and its successor from half of its lifetime on.

    API servers learn by a watch which certificates to trust, and do not report when they have. So a new certificate is
    first only published, for an eighth of its lifetime, at most 10 s. Then it is served. If it were served at once, an
    API server that has not heard of it yet would refuse the connection.
    """

    def __init__(self, issue: Callable[[datetime], Certificate], validity: timedelta, now: datetime) -> None:
        self._issue, self._validity = issue, validity
        self.served = issue(now)
        self._successor: Certificate | None = None
        self._retired: tuple[Certificate, ...] = ()
        self._published_since: datetime | None = None
        self._settled = False

    @property
    def settling(self) -> timedelta:
        """How long a certificate is published before it is served."""
        return min(self._validity * SETTLED_AFTER, LONGEST_SETTLING)

    def to_publish(self, now: datetime) -> tuple[Certificate, ...]:
        """Return the certificates that API servers have to trust now."""
        if self._successor is None and now >= self.served.issued + self._validity * RENEWED_AFTER:
            self._settled = self._published_since is not None
            self._successor, self._published_since = self._issue(now), None
        return (self.served,) if self._successor is None else (self.served, self._successor)

    def published(self, now: datetime) -> None:
        """Note that all of ``to_publish`` has been published, and serve the successor if its time has come."""
        self._published_since = self._published_since or now
        if now < self._published_since + self.settling and now < self.served.expires:
            return
        self._settled = True
        if self._successor is not None:
            unexpired = (certificate for certificate in self._retired if certificate.expires > now)
            self._retired = (*unexpired, self.served)
            self.served, self._successor = self._successor, None

    def issued(self) -> tuple[Certificate, ...]:
        """Return all certificates that may still be trusted."""
        return (*self._retired, self.served, *([] if self._successor is None else [self._successor]))

    def is_trusted(self, now: datetime) -> bool:
        """Return whether the served certificate was published long enough ago, and has not expired."""
        settled = self._published_since is not None and now >= self._published_since + self.settling
        return (self._settled or settled) and now < self.served.expires

    def pause_s(self, now: datetime) -> float:
        """Return the seconds until the next step, if all has been published."""
        due = self.served.issued + self._validity * RENEWED_AFTER
        if self._successor is not None:
            due = (self._published_since or now) + self.settling
        return max((due - now).total_seconds(), AT_LEAST_S)
