"""Ctrl-C at any moment, once and twice: nothing runs on, and what was done is kept."""

from __future__ import annotations

import random
import signal
import time

import pytest
from tests.e2e.conftest import House, ask

SEED = 7
LATEST_S = 20.0


def interrupt(house: House, chance: random.Random, *, twice: bool) -> None:
    """Run it in the foreground, press Ctrl-C at some moment, and see that all is gone with it."""
    told = house.work / "told"
    moment = chance.uniform(0.3, LATEST_S)
    with house.started("run", "mine.yaml", out=told) as process:
        time.sleep(moment)
        process.send_signal(signal.SIGINT)
        if twice:
            time.sleep(chance.random())
            process.send_signal(signal.SIGINT)
        code = process.wait(120)
    where = f"after {moment:.2f} s: {told.read_text()}"
    assert code == 130, where
    house.comes_to_rest(where)
    assert "Traceback" not in told.read_text(), where


@pytest.mark.parametrize("count", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_interrupted_again_and_again_it_is_done_in_the_end(count: int, house: House) -> None:
    chance = random.Random(SEED)
    house.tune()
    for number in range(count):
        interrupt(house, chance, twice=number % 2 == 1)
        ran = house("get", "mine")
        assert ran.code == 0 or "is not there" in ran.err
    house.ok("apply", "-f", "mine.yaml")
    models = ask(house.ready(), "/v1/models").json()["data"]
    assert [model["id"] for model in models] == ["demo", "mine"]
    assert len(house.processes()) == 2
