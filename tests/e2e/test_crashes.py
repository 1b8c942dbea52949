"""The supervisor killed at random moments of a tuning run: in the end the adapter, one server, and no orphan."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from tests.e2e.conftest import SERVER, SUPERVISOR, TRAINER, House, ask, until

SEEDS = [seed if seed <= 3 else pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 24)]
LATEST_S = 15.0


@pytest.mark.parametrize("seed", SEEDS)
def test_killed_at_a_random_moment(seed: int, house: House) -> None:
    house.ok("apply", "-f", house.tune())
    time.sleep(random.Random(seed).uniform(0, LATEST_S))
    (supervisor,) = house.processes(SUPERVISOR)
    supervisor.kill()
    until(lambda: supervisor not in house.processes(), "the supervisor is gone")
    until(lambda: not house.processes(TRAINER) and not house.processes(SERVER), "its children end with it")
    assert "taken up again" in house("get").err
    endpoint = house.ready()
    assert [model["id"] for model in ask(endpoint, "/v1/models").json()["data"]] == ["demo", "mine"]
    results = Path(house.get()["status"]["output"])
    assert (results / "adapter_model.safetensors").stat().st_size > 0
    assert (results / "image" / "index.json").exists()
    assert len(house.processes(SUPERVISOR)) == len(house.processes(SERVER)) == 1
    assert len(house.processes()) == 2
