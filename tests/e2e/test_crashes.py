"""The supervisor killed at random moments of a tuning run: in the end the adapter, one server, and no orphan."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from tests.e2e.support.sandbox import PATIENCE_S, SERVER, SUPERVISOR, TRAINER, Sandbox
from tests.e2e.support.served_model import request
from tests.support.waiting import wait_until

LONG = [pytest.mark.slow, pytest.mark.crash]
SEEDS = [seed if seed <= 3 else pytest.param(seed, marks=LONG) for seed in range(1, 24)]
LATEST_S = 15.0


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_a_random_moment(seed: int, sandbox: Sandbox) -> None:
    sandbox.ok("apply", "-f", sandbox.tune())
    time.sleep(random.Random(seed).uniform(0, LATEST_S))
    (supervisor,) = sandbox.processes(SUPERVISOR)
    supervisor.kill()
    wait_until(lambda: supervisor not in sandbox.processes(), "the supervisor is gone", PATIENCE_S)
    wait_until(lambda: not (sandbox.processes(TRAINER) or sandbox.processes(SERVER)), "its children end", PATIENCE_S)
    left = [process.cmdline() for process in sandbox.processes()]
    assert "taken up again" in sandbox.run("get").err, left
    endpoint = sandbox.ready()
    assert [model["id"] for model in request(endpoint, "/v1/models").json()["data"]] == ["demo", "mine"]
    results = Path(sandbox.get()["status"]["output"])
    assert (results / "adapter_model.safetensors").stat().st_size > 0
    assert (results / "image" / "index.json").exists()
    assert len(sandbox.processes(SUPERVISOR)) == len(sandbox.processes(SERVER)) == 1
    assert len(sandbox.processes()) == 2
