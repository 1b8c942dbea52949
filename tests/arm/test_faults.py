"""Faults are met where they are planned, and the same ones by the same seed."""

from __future__ import annotations

import pytest
from tests.arm.support.asking import Asking
from tests.arm.support.cloud import Cloud
from tests.arm.support.faults import EXAMPLES, Crash, Fault, LoseResponse, Refuse, Reset, Seeded, Slow, Throttle
from tests.arm.support.wire import ConnectionBrokenError, Crashed


@pytest.fixture
def asking() -> Asking:
    cloud = Cloud()
    cloud.add_cluster()
    return Asking(cloud)


def outcome(asking: Asking, name: str = "system") -> int | str:
    try:
        return asking.get(name).status
    except ConnectionBrokenError as broken:
        return "lost" if broken.carried_out else "reset"


def test_by_number_kind_and_count(asking: Asking) -> None:
    faults = asking.cloud.faults
    faults.at(2, Throttle())
    faults.next("pools.get", LoseResponse())
    faults.nth("pools.get", 4, Refuse(EXAMPLES["InternalServerError"]))
    faults.next("pools.put", Reset())
    assert [outcome(asking) for _ in range(5)] == ["lost", 429, 200, 500, 200]
    faults.next("pools.get", Reset(), LoseResponse())
    assert [outcome(asking) for _ in range(3)] == ["reset", "lost", 200]
    assert [number for number, _, _ in faults.done] == [1, 2, 4, 6, 7]
    assert [call.status for call in asking.cloud.calls] == [0, 429, 200, 500, 200, 0, 0, 200]


def test_slow_answers_pass_time(asking: Asking) -> None:
    cloud = asking.cloud
    asking.put("x")
    cloud.faults.next("pools.get", Slow(cloud.create_s))
    answer = asking.get("x")
    assert (answer.body or {})["properties"]["provisioningState"] == "Succeeded"


def met(seed: int, share: float = 0.5) -> list[tuple[int, str, Fault]]:
    asking = Asking(Cloud())
    asking.cloud.add_cluster()
    asking.cloud.faults.seeded = Seeded(seed, share, crashes=True)
    for number in range(40):
        try:
            asking.put(f"p{number}") if number % 2 else outcome(asking)
        except (ConnectionBrokenError, Crashed):
            continue
    return asking.cloud.faults.done


def test_a_seed_is_a_schedule() -> None:
    assert met(1) == met(1)
    assert met(1) != met(2)
    assert met(1, share=0) == []
    kinds = {type(fault) for seed in range(5) for _, _, fault in met(seed)}
    assert {LoseResponse, Reset, Crash, Throttle, Refuse, Slow} <= kinds
