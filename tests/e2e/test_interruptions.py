"""Ctrl-C at any moment, once and twice: nothing runs on, and what was done is kept."""

from __future__ import annotations

import random
import signal
import time

import pytest
from tests.e2e.support.sandbox import Sandbox
from tests.e2e.support.served_model import request

SEED = 7
LATEST_S = 20.0


def interrupt(sandbox: Sandbox, chance: random.Random, *, twice: bool) -> None:
    """Run it in the foreground, press Ctrl-C at a random moment, and check that every process is gone."""
    printed = sandbox.work / "printed"
    moment = chance.uniform(0.3, LATEST_S)
    with sandbox.background("run", "mine.yaml", out=printed) as process:
        time.sleep(moment)
        process.send_signal(signal.SIGINT)
        if twice:
            time.sleep(chance.random())
            process.send_signal(signal.SIGINT)
        code = process.wait(120)
    moment_and_output = f"after {moment:.2f} s: {printed.read_text()}"
    assert code == 130, moment_and_output
    sandbox.wait_until_idle(moment_and_output)
    assert "Traceback" not in printed.read_text(), moment_and_output


@pytest.mark.parametrize("count", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_interrupted_again_and_again_it_is_done_in_the_end(count: int, sandbox: Sandbox) -> None:
    chance = random.Random(SEED)
    sandbox.tune()
    for number in range(count):
        interrupt(sandbox, chance, twice=number % 2 == 1)
        result = sandbox.run("get", "mine")
        assert result.code == 0 or "is not there" in result.err
    sandbox.ok("apply", "-f", "mine.yaml")
    models = request(sandbox.ready(), "/v1/models").json()["data"]
    assert [model["id"] for model in models] == ["demo", "mine"]
    assert len(sandbox.processes()) == 2
