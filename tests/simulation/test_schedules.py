"""Every schedule converges: the real operator on a simulated cluster, with faults, crashes and users who change minds.

Each chunk of seeds runs in a process of its own, where ``PYTHONHASHSEED`` is 0: so a seed is one schedule everywhere.
``python -m tests.simulation SEED NEXT --minimise`` prints one that failed, as short as it can be made.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHUNK = 50


def carry_out(first: int, last: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.simulation", str(first), str(last)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("first", range(0, 500, CHUNK))
def test_everything_is_as_the_users_asked_once_the_faults_stop(first: int) -> None:
    done = carry_out(first, first + CHUNK)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{CHUNK} schedules, 0 failed" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("first", range(500, 10_000, 500))
def test_every_simulator_schedule_of_ten_thousand_converges(first: int) -> None:
    done = carry_out(first, first + 500)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_seed_is_one_schedule() -> None:
    digests = {carry_out(7, 12).stdout.partition("digest ")[2].partition(";")[0] for _ in range(2)}
    assert len(digests) == 1
    assert digests != {""}
