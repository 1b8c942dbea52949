"""A provisioner's cloud is asked for people: guarded, in time, and never more than asked."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import pytest

from llmwright.app.examination import examined
from llmwright.app.session import Session
from llmwright.errors import PluginNotFound, TargetError
from llmwright.plugins.drivers import Provisioner
from llmwright.testing.fakes import FakeProvisioner
from llmwright.values.nodes import Finding, NodeRequest

REQUEST = NodeRequest(namespace="default", workspace="demo", count=1)
USED_UP = Finding(about="quota", state="problem", message="limit 24, used 24", kind="quota")


class Asking(FakeProvisioner):
    """Has what ``answer`` returns or raises."""

    asked: list[NodeRequest | None]
    answer: Any

    def examine(self, request: NodeRequest | None) -> Iterable[Finding]:
        self.asked.append(request)
        found: Iterable[Finding] = self.answer()
        return found


class Drivers:
    """One provisioner under the name ``acme``; others are not installed."""

    def __init__(self, driver: type[Provisioner]) -> None:
        self._driver = driver

    def provisioner(self, name: str, cluster: Any = None) -> Any:
        if name != "acme":
            raise PluginNotFound("no such provisioner", hint="pip install it")
        return self._driver if cluster is self else self._driver(None)  # type: ignore[arg-type]


def session_with(driver: type[Provisioner]) -> Session:
    session = Session()
    drivers = Drivers(driver)
    session.__dict__["drivers"] = drivers

    class Registry:
        def provisioner(self, name: str) -> type[Provisioner]:
            return driver

    session.__dict__["registry"] = Registry()
    return session


def ask(answer: Any, request: NodeRequest | None = REQUEST) -> tuple[Finding, ...]:
    driver = type("Acme", (Asking,), {"asked": [], "answer": staticmethod(answer)})
    return examined(session_with(driver), "acme", request, None)


def raising(error: BaseException) -> Any:
    def answer() -> Iterable[Finding]:
        raise error

    return answer


def test_its_findings_are_returned_as_they_are() -> None:
    assert ask(lambda: [USED_UP]) == (USED_UP,)


def test_no_finding_says_that_nothing_stands_in_the_way() -> None:
    (finding,) = ask(list)
    assert (finding.state, finding.about) == ("ok", "provisioner acme")


def test_a_provisioner_that_asks_nobody_is_not_checked() -> None:
    (finding,) = examined(session_with(FakeProvisioner), "acme", REQUEST, None)
    assert finding.state == "unchecked"


def test_one_that_is_missing_is_a_problem_with_its_remedy() -> None:
    (finding,) = examined(session_with(FakeProvisioner), "other", REQUEST, None)
    assert (finding.state, finding.hint) == ("problem", "pip install it")


@pytest.mark.parametrize(
    ("error", "state", "words"),
    [
        (TargetError("503 busy", reason="CloudBusy"), "unchecked", "CloudBusy: 503 busy"),
        (KeyError("init"), "problem", "provisioner 'acme' failed in examine: KeyError: 'init'"),
        (SystemExit(3), "problem", "failed in examine: SystemExit: 3"),
    ],
)
def test_what_it_raises_is_named(error: BaseException, state: str, words: str) -> None:
    (finding,) = ask(raising(error))
    assert finding.state == state
    assert words in finding.message


def test_one_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Asking, "refresh_timeout_s", 0.05)
    over = threading.Event()

    def answer() -> Iterable[Finding]:
        over.wait(30)
        return ()

    try:
        (finding,) = ask(answer)
        assert finding.state == "unchecked"
        assert "has not answered for 0.05 s" in finding.message
    finally:
        over.set()
