"""What lies between a client and the API server: delays, refusals, lost answers, broken watches; all by the seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import urllib3

from llmwright.testing.simulation.api_server import Answer, ApiServer, refusal
from llmwright.testing.simulation.timeline import Timeline

HOST = "http://simulated"


@dataclass
class Faults:
    """How likely each fault is, of 1, for one request. ``slow`` are requests that take up to ``slow_s``."""

    refused: float = 0.0
    lost: float = 0.0
    dropped: float = 0.0
    slow: float = 0.0
    slow_s: float = 10.0
    broken_watch: float = 0.0
    killed: float = 0.0


LATE_S = 0.9
"""After so long an API server has carried out what a process sent that is gone; the next one takes longer to start."""

REFUSALS = (
    (503, "ServiceUnavailable", "the server is currently unable to handle the request", None),
    (500, "InternalError", "etcdserver: request timed out", None),
    (429, "TooManyRequests", "the server has received too many requests", 1),
    (409, "Conflict", "Operation cannot be fulfilled: the object has been modified", None),
)


@dataclass
class Network:
    """Carries requests of one process. ``killed`` is called where the process is to end at this very request."""

    server: ApiServer
    timeline: Timeline
    killed: Callable[[], None]
    faults: Faults = field(default_factory=Faults)
    requests: list[tuple[float, str, str]] = field(default_factory=list)
    """Time, method and path of each write and read; watches are left out."""

    def request(self, method: str, url: str, body: bytes | None = None, **options: Any) -> Answer:
        """Answer as urllib3's pool does, or raise what it raises."""
        if isinstance(body, str):
            body = body.encode()
        path = url.removeprefix(HOST)
        headers: Mapping[str, str] = options.get("headers") or {}
        if "watch=true" in path:
            return self._watch(method, path, headers)
        self.requests.append((self.timeline.now, method, urlsplit(path).path))
        self._delay()
        fault = self._fault()
        if fault == "dropped":
            raise urllib3.exceptions.ProtocolError("the connection broke before the request was sent")
        if fault == "refused":
            return refusal(*self.timeline.random.choice(REFUSALS))
        if fault == "killed":
            self._kill(method, path, body, headers)
        answer = self.server.answer(method, path, body, headers)
        self._delay()
        if fault == "lost":
            raise urllib3.exceptions.ProtocolError("the connection broke before the answer came")
        return answer

    def _kill(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> None:
        """End the process at this request: it is carried out before, never, or a moment after its process is gone."""
        moment = self.timeline.random.choice(("before", "before", "never", "after"))
        if moment == "before":
            self.server.answer(method, path, body, headers)
        elif moment == "after":
            self.timeline.spawn(lambda: self._answer_late(method, path, body, headers), "late request", "world")
        self.killed()
        self.timeline.wait(None, None)

    def _answer_late(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> None:
        self.timeline.pause(self.timeline.random.uniform(0.0, LATE_S))
        self.server.answer(method, path, body, headers)

    def _watch(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        self._delay()
        answer = self.server.answer(method, path, None, headers)
        read = answer.read1

        def read1(size: int = -1) -> bytes:
            if self.timeline.random.random() < self.faults.broken_watch:
                raise urllib3.exceptions.ProtocolError("the watch broke")
            line = read(size)
            self._delay()
            return line

        answer.read1 = read1  # type: ignore[method-assign,assignment]
        return answer

    def _delay(self) -> None:
        slow = self.timeline.random.random() < self.faults.slow
        self.timeline.pause(self.timeline.random.uniform(0.0, self.faults.slow_s if slow else 0.02))

    def _fault(self) -> str:
        dice = self.timeline.random.random()
        for name in ("refused", "lost", "dropped", "killed"):
            chance = getattr(self.faults, name)
            if dice < chance:
                return name
            dice -= chance
        return ""
