"""Which kinds the cluster serves: asked for once, in the pool, and again only after a while."""

from __future__ import annotations

import threading
import time
from typing import Any, cast

import pytest

from llmwright.errors import NotYet, PluginContract, TargetError
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import SERVICES, Resource
from llmwright.targets.kubernetes.operator.apply.api_discovery import Discovery
from llmwright.targets.kubernetes.operator.tasks import Tasks

KEY = ("ns", "ws")
LISTED = [
    {"name": "demoservices", "kind": "DemoService", "namespaced": True},
    {"name": "demoservices/status", "kind": "DemoService", "namespaced": True},
    {"name": "demoworlds", "kind": "DemoWorld", "namespaced": False},
]


class Served:
    """An API server that counts what it is asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked = list(answers), 0
        self.called = threading.Event()

    def kinds(self, api_version: str) -> Any:
        """The next answer, the last one again and again."""
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def told(self, key: tuple[str, str], seconds: float = 0.0) -> None:
        """The Workspace is called."""
        assert key == KEY
        self.called.set()


def kinds_of(api: Served) -> Discovery:
    return Discovery(cast(Api, api), Tasks(1), api.told)


def thing(kind: str = "DemoService", version: str = "demo.example.com/v1") -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "it"}}


def answered(api: Served, kinds: Discovery) -> None:
    with pytest.raises(NotYet):
        kinds.resource(KEY, thing())
    assert api.called.wait(10.0)
    api.called.clear()


def test_a_kind_is_asked_for_once() -> None:
    api = Served(LISTED)
    kinds = kinds_of(api)
    answered(api, kinds)
    assert kinds.resource(KEY, thing()) == Resource("demo.example.com", "v1", "demoservices")
    assert kinds.resource(KEY, thing()).full == "demoservices.v1.demo.example.com"
    with pytest.raises(PluginContract, match="of no namespace"):
        kinds.resource(KEY, thing("DemoWorld"))
    assert api.asked == 1


def test_the_cores_kinds_are_known() -> None:
    api = Served([])
    assert kinds_of(api).resource(KEY, thing("Service", "v1")) == SERVICES
    assert api.asked == 0


def test_a_kind_that_is_missing_is_named_and_asked_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Served([], LISTED)
    kinds = kinds_of(api)
    answered(api, kinds)
    for _ in range(3):
        with pytest.raises(TargetError, match=r"does not serve DemoService \(demo.example.com/v1\)") as missing:
            kinds.resource(KEY, thing())
        assert missing.value.reason == "KindNotServed"
    assert api.asked == 1
    monkeypatch.setattr("llmwright.targets.kubernetes.operator.apply.api_discovery.AGAIN_S", -1.0)
    answered(api, kinds)
    assert kinds.resource(KEY, thing()).plural == "demoservices"


def test_a_server_that_does_not_answer_is_named_and_asked_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Served(ApiError("GET: gone away", code=0, reason="ApiServerUnreachable"), LISTED)
    kinds = kinds_of(api)
    answered(api, kinds)
    for _ in range(3):
        with pytest.raises(TargetError, match="GET: gone away") as silent:
            kinds.resource(KEY, thing())
        assert silent.value.reason == "DiscoveryFailed"
    assert api.asked == 1
    module = "llmwright.targets.kubernetes.operator.apply.api_discovery.time.monotonic"
    later = time.monotonic() + 2.0
    monkeypatch.setattr(module, lambda: later)
    api.called.clear()
    answered(api, kinds)
    assert kinds.resource(KEY, thing()).plural == "demoservices"


@pytest.mark.parametrize("text", ["configmaps.v1", "demoservices.v1.demo.example.com"])
def test_a_kind_is_read_as_it_was_written(text: str) -> None:
    found = Resource.parse(text)
    assert found is not None
    assert found.full == text


def test_what_is_no_kind_is_passed_over() -> None:
    assert [Resource.parse(text) for text in ("", "configmaps", "configmaps.")] == [None, None, None]
