"""An informer before its first list."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any, cast

from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import SERVICES
from llmwright.targets.kubernetes.cluster.informer import Informer, Selection


class Server:
    """Refuses to list until ``opened`` is set."""

    def __init__(self) -> None:
        self.opened, self.refused = threading.Event(), threading.Event()

    def page(self, *_: Any, **__: Any) -> dict[str, Any]:
        if not self.opened.is_set():
            self.refused.set()
            raise ApiError("GET /api/v1/services: too busy", code=503, reason="Unavailable", retry_after_s=0.01)
        return {"kind": "ServiceList", "metadata": {"resourceVersion": "1"}, "items": []}

    def watch(self, *_: Any, **__: Any) -> Iterator[Any]:
        return iter(())


def test_an_informer_that_is_not_synced_gives_the_last_error() -> None:
    server = Server()
    selection = Selection(resource=SERVICES, trim=lambda whole: whole)
    informer = Informer(cast(Api, server), selection, lambda *_: None)
    assert informer.pending == "services: no answer yet"
    informer.start()
    assert server.refused.wait(10.0)
    assert not informer.wait(0.1)
    assert informer.pending == "services: GET /api/v1/services: too busy"
    server.opened.set()
    assert informer.wait(10.0)
    assert informer.pending == ""
    informer.stop()
