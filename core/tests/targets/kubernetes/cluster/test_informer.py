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


class Listing:
    """Has one Service with the labels that it is asked for; none where the kind is not served."""

    def __init__(self, *, served: bool = True) -> None:
        self.served = served
        self.queries: list[Any] = []

    def page(self, resource: Any, query: dict[str, str], **_: Any) -> dict[str, Any]:
        self.queries.append(query)
        if not self.served:
            raise ApiError("not there", code=404, reason="NotFound")
        service = {"metadata": {"name": "a", "namespace": "ns", "uid": "u", "resourceVersion": "7"}}
        return {"kind": "ServiceList", "apiVersion": "v1", "metadata": {"resourceVersion": "8"}, "items": [service]}


def test_a_look_stores_what_the_watch_has_not_told_yet() -> None:
    server = Listing()
    changes: list[Any] = []
    selection = Selection(resource=SERVICES, trim=lambda whole: whole)
    informer = Informer(cast(Api, server), selection, lambda before, after: changes.append(after))
    informer.look({"w/namespace": "ns", "w/name": "a"})
    stored = informer.store.get("ns", "a")
    assert stored is not None
    assert (stored["kind"], stored["metadata"]["uid"]) == ("Service", "u")
    assert server.queries == [{"labelSelector": "w/namespace=ns,w/name=a"}]
    assert changes == [stored]
    informer.look({"w/name": "a"})
    assert len(changes) == 1


def test_a_look_at_a_kind_that_is_not_served_finds_nothing() -> None:
    informer = Informer(cast(Api, Listing(served=False)), Selection(resource=SERVICES, trim=dict), lambda *_: None)
    informer.look({"w/name": "a"})
    assert len(informer.store) == 0


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
