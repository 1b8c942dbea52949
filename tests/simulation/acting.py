"""The base of what acts in a cluster by itself: it looks at the storage whenever that changed, and takes its time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.kinds import Kind

from llmwright.testing.simulation.api_server import merge_patched
from llmwright.testing.simulation.storage import Name, Object, Refused, Storage
from llmwright.testing.simulation.timeline import Timeline

INSTANCE_TYPE = "node.kubernetes.io/instance-type"
GPU = "nvidia.com/gpu"


@dataclass
class Pace:
    """How long things take, in seconds: the shortest and the longest."""

    controller: tuple[float, float] = (0.0, 0.1)
    machine: tuple[float, float] = (1.0, 60.0)
    container: tuple[float, float] = (0.5, 20.0)
    job: tuple[float, float] = (5.0, 120.0)
    drain: tuple[float, float] = (0.5, 30.0)


@dataclass
class Acting:
    """What all controllers share."""

    storage: Storage
    timeline: Timeline
    pace: Pace = field(default_factory=Pace)
    under_way: int = 0
    """How many things happen after a while: the end of a pod, the repair of a machine."""

    def begin(self, name: str, look: Callable[[], bool]) -> None:
        """Call ``look`` after each change until it returns False: it does one thing, and returns whether it did."""

        def run() -> None:
            while True:
                seen = self.storage.version
                while look():
                    self.take(self.pace.controller)
                self.timeline.wait(lambda seen=seen: self.storage.version > seen, None)  # type: ignore[misc]
                self.take(self.pace.controller)

        self.timeline.spawn(run, name)

    def take(self, seconds: tuple[float, float]) -> None:
        """Let some time pass."""
        self.timeline.pause(self.timeline.random.uniform(*seconds))

    def later(self, seconds: tuple[float, float], work: Callable[[], None], name: str) -> None:
        """Do something after a while, in a thread of its own; the object may be gone by then."""

        def run() -> None:
            self.take(seconds)
            try:
                work()
            except Refused as refused:
                if refused.code not in (404, 409):
                    raise
            finally:
                self.under_way -= 1

        self.under_way += 1
        self.timeline.spawn(run, name)

    def moment(self) -> str:
        """Return the present time as Kubernetes writes it."""
        return self.timeline.datetime().strftime("%Y-%m-%dT%H:%M:%SZ")

    def patch(self, kind: Kind, found: Object, patch: Object, part: str = "") -> None:
        """Change an object as its controller does."""
        name = name_of(found)
        live = self.storage.get(kind, name)
        if live["metadata"]["uid"] != found["metadata"]["uid"]:
            raise Refused(409, "Conflict", "another object has the name")
        self.storage.update(kind, name, merge_patched(live, patch), f"{kind.plural}-controller", part=part)

    def report(self, kind: Kind, found: Object, status: Object) -> bool:
        """Write what of a status is new; False where nothing is."""
        live = found.get("status") or {}
        if all(live.get(name) == value for name, value in status.items()):
            return False
        self.patch(kind, found, {"status": status}, "status")
        return True


def name_of(found: Object) -> Name:
    """Return namespace and name."""
    return found["metadata"].get("namespace", ""), found["metadata"]["name"]


def digest_of(value: Any) -> str:
    """Return ten hex digits that tell values apart."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]


def is_ready(found: Object) -> bool:
    """Return whether the condition Ready holds."""
    conditions = (found.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def is_leaving(found: Object) -> bool:
    """Return whether its deletion was asked for."""
    return "deletionTimestamp" in found["metadata"]


def condition(kind: str, *, holds: bool = True, reason: str = "", message: str = "") -> Object:
    """Return a condition."""
    return {"type": kind, "status": "True" if holds else "False", "reason": reason, "message": message}
