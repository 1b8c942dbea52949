"""The API server in memory for real threads, on real time: for tests that need no schedule."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from kubernetes.client import Configuration
from tests.simulation.kinds import ALL, Kind

from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.testing.simulation.api_server import Admit, Answer, ApiServer
from llmwright.testing.simulation.storage import Storage

HOST = "http://memory"


class ServerInThreads:
    """Stands where urllib3's pool does: one request at a time, and each write is followed by the garbage collector.

    Args:
        kinds: those that the cluster serves.
        admit: as of ``ApiServer``.
    """

    def __init__(self, kinds: tuple[Kind, ...] = ALL, admit: Admit | None = None) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._closed = False
        self.storage = Storage(lambda: datetime.now(UTC))
        self.storage.changed = lambda _: self._changed.notify_all()
        self.server = ApiServer(self.storage, self._wait, kinds, **({"admit": admit} if admit else {}))

    def api(self) -> Api:
        """Return a client of this server."""
        api = Api(Configuration(host=HOST))
        api._pool = self  # type: ignore[assignment]
        return api

    def close(self) -> None:
        """Break all watches."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def do(self, work: Callable[[Storage], Any]) -> Any:
        """Look at the storage or change it, as others in the cluster do."""
        with self._changed:
            answer = work(self.storage)
            while self.storage.collect_garbage():
                pass
            return answer

    def request(self, method: str, url: str, body: bytes | None = None, **options: Any) -> Answer:
        """Answer as urllib3's pool does."""
        answer: Answer = self.do(
            lambda _: self.server.answer(method, url.removeprefix(HOST), body, options.get("headers") or {})
        )
        read = answer.read1

        def read1(size: int = -1) -> bytes:
            with self._changed:
                return read(size)

        answer.read1 = read1  # type: ignore[method-assign,assignment]
        return answer

    def _wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        met = self._changed.wait_for(lambda: self._closed or condition(), seconds)
        if self._closed:
            raise ConnectionError("the server is gone")
        return met
