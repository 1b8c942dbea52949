"""Which containers' logs are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import NOT_FOUND, ApiError, unreachable
from llmwright.targets.kubernetes.commands.access import Access
from llmwright.targets.kubernetes.commands.pod_logs import LogSource, PodLogs, log_sources

Object = dict[str, Any]


def pod(name: str, owner: tuple[str, str], at: str, *states: Object) -> Object:
    reference = {"kind": owner[0], "name": owner[1]}
    return {
        "metadata": {"name": name, "uid": name, "creationTimestamp": at, "ownerReferences": [reference]},
        "status": {"containerStatuses": list(states)},
    }


def container(name: str, restarts: int = 0, **states: Object) -> Object:
    return {"name": name, "restartCount": restarts, **states}


RUNS: Object = {"running": {}}
ENDED: Object = {"terminated": {"exitCode": 1}}


def test_of_a_job_the_latest_pod_and_of_a_server_all_are_read_in_the_order_of_the_lifecycle() -> None:
    pods = [
        pod("w-1", ("StatefulSet", "w"), "2026-01-03", container("w", state=RUNS)),
        pod("w-0", ("StatefulSet", "w"), "2026-01-02", container("w", state=RUNS)),
        pod("w-new", ("Job", "w"), "2026-01-01T02", container("w", state=ENDED)),
        pod("w-old", ("Job", "w"), "2026-01-01T01", container("w", state=ENDED)),
        pod("w-preflight-x", ("Job", "w-preflight"), "2026-01-01T00", container("preflight", state=ENDED)),
    ]
    assert [(each.role, each.pod) for each in log_sources("w", pods)] == [
        ("preflight", "w-preflight-x"),
        ("tuning", "w-new"),
        ("serving", "w-0"),
        ("serving", "w-1"),
    ]


def test_a_container_between_two_starts_is_read_from_its_last_run() -> None:
    waits: Object = {"waiting": {"reason": "CrashLoopBackOff"}}
    states = (
        container("puller", state=ENDED),
        container("main", 3, state=waits, lastState=ENDED),
        container("never", state=waits),
    )
    assert log_sources("w", [pod("w-0", ("StatefulSet", "w"), "now", *states)]) == [
        LogSource("serving", "w-0", "puller", "w-0/0"),
        LogSource("serving", "w-0", "main", "w-0/3", previous=True),
    ]


def test_the_run_before_is_read_of_those_that_were_started_again() -> None:
    states = (container("puller", state=ENDED), container("main", 1, state=RUNS, lastState=ENDED))
    server = pod("w-0", ("StatefulSet", "w"), "now", *states)
    (before,) = log_sources("w", [server], previous=True)
    assert (before.container, before.previous) == ("main", True)


class Dying:
    """An API server that dies under the first two requests for lines, and whose Workspace goes in the end."""

    configuration = SimpleNamespace(host="https://cluster")

    def __init__(self) -> None:
        self.asked: list[Mapping[str, str]] = []
        self.looks = 0

    def get(self, *_: object) -> Object:
        self.looks += 1
        if self.looks == 2:
            raise unreachable("GET /x", OSError("gone"))
        if len(self.asked) > 2 and self.looks > 4:
            raise ApiError("GET /x: not there", code=NOT_FOUND, reason="NotFound")
        return {}

    def page(self, *_: object, **__: object) -> Object:
        return {"items": [pod("w-0", ("StatefulSet", "w"), "now", container("w", state=RUNS))]}

    def log_lines(self, namespace: str, name: str, query: Mapping[str, str]) -> Iterator[str]:
        self.asked.append(query)
        count = len(self.asked)
        yield from (f"2026-01-01T00:00:0{second}Z line {second}" for second in range(count + 1))
        if count < 3:
            raise unreachable("logs of w-0", OSError("the connection broke"))


def test_lines_are_followed_over_the_death_of_an_api_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("access.PAUSE_S", "pod_logs.LOOK_S"):
        monkeypatch.setattr(f"llmwright.targets.kubernetes.commands.{module}", 0.05)
    api, told = Dying(), list[str]()
    logs = PodLogs(Access(cast("Api", api), told.append), "ns", "w", None)
    lines = [*logs.followed()]
    assert lines == [f"[w-0/w] line {second}" for second in range(len(api.asked) + 1)]
    assert {query["follow"] for query in api.asked} == {"true"}
    assert told == [
        "the API server https://cluster does not answer; waiting for it",
        "the API server https://cluster answers again",
    ]
