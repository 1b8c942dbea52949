"""One leader at a time, by a Lease."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from llmwright.targets.kubernetes.cluster.api_client import Api, Object
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import LEASES

LEASE_S = 15.0
NAME = "llmwright-operator"
"""The name of the operators' Lease."""
RENEW_S = 5.0
RETRY_S = 1.0
"""The pause after a renewal that failed."""
GIVE_UP_S = 12.0
"""A leader that has not renewed for so long stops, as with client-go. It is less than ``LEASE_S``, so that there are
never two leaders."""
ANSWER_S = GIVE_UP_S / 3
"""How long a request waits for its answer, so that one on a dead connection leaves time for another. Client-go has the
half of it, and renews more often."""
LOOK_S = 0.5

log = logging.getLogger(__name__)


class LeaderElection:
    """Holds the Lease ``namespace/name`` as ``identity``, by the rules of client-go's leader election.

    The age of another's Lease is measured with this process's own clock, since the Lease was last seen to change: the
    clocks of two machines may differ. The age of our own counts from before the request that wrote it: others may see
    it long before its answer is here. The client library's election is not used, because it writes its times as text
    into annotations, and ends the process itself.
    """

    def __init__(
        self, api: Api, namespace: str, name: str, identity: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._api = api.answering_within(ANSWER_S)
        self._namespace, self._name, self._identity = namespace, name, identity
        self._clock = clock
        self._seen: tuple[str, str] = ("", "")
        self._seen_at = self._renewed = clock()
        self._stopped = threading.Event()

    def acquire(self) -> bool:
        """Wait until this process leads; return False if ``stop`` was called before."""
        while not self._stopped.is_set():
            if self.attempt():
                log.info("leading as %s", self._identity)
                return True
            self._stopped.wait(RENEW_S / 2)
        return False

    def keep(self, lost: Callable[[], None]) -> None:
        """Renew the Lease until ``stop``. If that fails for too long, call ``lost`` once and return."""
        # Apart: a request to a server that hangs fails later than this process has to stop.
        threading.Thread(target=self._renew, name="renew the lease", daemon=True).start()
        while not self._stopped.wait(LOOK_S):
            if self._clock() - self._renewed > GIVE_UP_S:
                # First: a process that ends must not take the Lease again.
                self._stopped.set()
                lost()
                return

    def _renew(self) -> None:
        pause_s = RENEW_S
        while not self._stopped.wait(pause_s):
            pause_s = RENEW_S if self.attempt() else RETRY_S

    def stop(self) -> None:
        """Stop taking part. A Lease that this process holds is released, so that the next leader need not wait."""
        self._stopped.set()
        with contextlib.suppress(ApiError):
            live = self._api.find(LEASES, self._namespace, self._name)
            if live is not None and live["spec"].get("holderIdentity") == self._identity:
                self._api.replace(LEASES, {**live, "spec": {**live["spec"], "holderIdentity": ""}})

    def attempt(self) -> bool:
        """Take or renew the Lease; return False if another process holds it, or the API server refuses."""
        try:
            return self._take()
        except ApiError as error:
            # Without the right it never leads, so nobody must have to look for that.
            hint = f"; `llmwright rbac` prints the role and the Lease {self._name}" if error.code == FORBIDDEN else ""
            level = logging.WARNING if hint else logging.INFO
            log.log(level, "no lease in namespace %s: %s%s", self._namespace, error.message, hint)
        except Exception:
            # Whatever an answer holds: a thread that ended here would leave a leader who never learns that it lost.
            log.exception("no lease: its answer cannot be read")
        return False

    def _take(self) -> bool:
        live = self._api.find(LEASES, self._namespace, self._name)
        if live is not None and not self._may_take(live):
            return False
        written = self._clock()
        if live is None:
            self._api.create(LEASES, self._lease({}))
        else:
            # It fails if another process has written since ``find``, so two cannot both take the Lease.
            self._api.replace(LEASES, self._lease(live))
        self._renewed = written
        return True

    def _may_take(self, live: Object) -> bool:
        spec = live.get("spec") or {}
        holder = str(spec.get("holderIdentity") or "")
        state = (holder, str(spec.get("renewTime")))
        if state != self._seen:
            self._seen, self._seen_at = state, self._clock()
        expired = self._clock() - self._seen_at > float(spec.get("leaseDurationSeconds") or LEASE_S)
        return holder in ("", self._identity) or expired

    def _lease(self, live: Object) -> Object:
        before = live.get("spec") or {}
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        ours = before.get("holderIdentity") == self._identity
        metadata: dict[str, Any] = live.get("metadata") or {"namespace": self._namespace, "name": self._name}
        spec = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(LEASE_S),
            "renewTime": now,
            "acquireTime": before.get("acquireTime", now) if ours else now,
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (0 if ours or not live else 1),
        }
        return {"apiVersion": LEASES.api_version, "kind": "Lease", "metadata": metadata, "spec": spec}
