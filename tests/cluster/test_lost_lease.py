"""A leader that is cut off from the API server without a word ends before another leads."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from tests.cluster.support.operating import SETTINGS
from tests.cluster.support.relay import Relay
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster, OperatorProcess

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("off_shift")]


@pytest.fixture
def relay(plane: Cluster) -> Iterator[Relay]:
    found = Relay(plane.url)
    yield found
    found.close()


def led_since(operator: OperatorProcess) -> float | None:
    """When it began to lead; None where it does not."""
    lines = (line for line in operator.lines() if str(line["message"]).startswith("leading as"))
    line = next(lines, None)
    return datetime.fromisoformat(line["time"]).timestamp() if line is not None else None


def test_it_ends_before_another_leads(plane: Cluster, relay: Relay, tmp_path: Path) -> None:
    straight = plane.write_kubeconfig(tmp_path / "kubeconfig")
    relayed = tmp_path / "relayed"
    relayed.write_text(straight.read_text().replace(plane.url, relay.url))
    leader = OperatorProcess(relayed, tmp_path / "leader", SETTINGS, elects=True)
    other = OperatorProcess(straight, tmp_path / "other", SETTINGS, elects=True)
    leader.start()
    try:
        wait_until(lambda: led_since(leader), "the first leads")
        other.start()
        relay.freeze()
        assert leader.process is not None
        assert leader.process.wait(30) == 1
        ended = time.time()
        assert led_since(other) is None
        assert wait_until(lambda: led_since(other), "the other leads") > ended
        assert any("the lease was lost" in str(line["message"]) for line in leader.lines())
    finally:
        leader.end()
        other.end()
