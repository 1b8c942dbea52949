"""Every schedule converges: the real operator on a simulated cluster, with faults, crashes and users who change minds.

Each chunk of seeds runs in a process of its own, where ``PYTHONHASHSEED`` is 0: so a seed is one schedule everywhere.
``python -m tests.simulation SEED NEXT --minimise`` prints one that failed, as short as it can be made.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.simulation.reporting import Chunk, carry_out, summary

Record = Callable[[str, object], None]
CHUNK, LONG_CHUNK = 50, 250


@pytest.mark.parametrize("first", range(0, 500, CHUNK))
def test_everything_is_as_the_users_asked_once_the_faults_stop(first: int, record_property: Record) -> None:
    carry_out(first, CHUNK, record_property)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("first", range(0, 10_000, LONG_CHUNK))
def test_ten_thousand_schedules_of_the_simulator_converge(first: int, record_property: Record) -> None:
    carry_out(first, LONG_CHUNK, record_property)


def test_a_seed_is_one_schedule() -> None:
    assert carry_out(7, 5).digest == carry_out(7, 5).digest


def test_the_summary_is_one_line_of_all_chunks() -> None:
    line = summary([Chunk(50, 50, 1, "b", 20.0), Chunk(0, 50, 0, "a", 5.0)])
    digest = "fb8e20fc2e4c3f24"
    assert (
        line == f"100 schedules (seeds 0 to 99): 1 failed, digest {digest}; 25 s in all processes, 4.0 a second in each"
    )
