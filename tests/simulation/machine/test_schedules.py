"""One machine: whatever is killed, damaged, stolen or full, everything is as the users asked once that stops.

``python -m tests.simulation.machine SEED NEXT --minimise`` prints a schedule that failed, as short as it can be made.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COUNT = 200


def carry_out(first: int, last: int, before: str = "", *options: str) -> subprocess.CompletedProcess[str]:
    """Carry schedules out in a process of their own, after the lines ``before``."""
    code = f"import sys; sys.argv[1:] = {[str(first), str(last), *options]!r}\n{before}\n"
    code += "from tests.simulation.machine.__main__ import main\nsys.exit(main())"
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("first", range(0, COUNT, 100))
def test_everything_is_as_the_users_asked_once_the_faults_stop(first: int) -> None:
    done = carry_out(first, first + 100)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "100 schedules, 0 failed" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("first", range(COUNT, 5000, 400))
def test_five_thousand_schedules_of_one_machine_converge(first: int) -> None:
    done = carry_out(first, first + 400)
    assert done.returncode == 0, done.stdout + done.stderr


MUTANTS = {
    "a status is believed without its server": (
        "import llmwright.targets.local.store.workspace_store as room\nroom.without_server = lambda status: status\n"
    ),
    "leftovers are left": (
        "import llmwright.targets.local.supervisor.roles as roles\n"
        "import llmwright.targets.local.stop_and_delete as delete\n"
        "import llmwright.targets.local.supervisor.loop as loop\n"
        "roles.end_leftovers = loop.end_leftovers = delete.end_leftovers = lambda *_, **__: None\n"
    ),
    "a damaged record is in the way": (
        "from llmwright.targets.local.store.workspace_store import WorkspaceStore\n"
        "WorkspaceStore.read_record_if_readable = WorkspaceStore.read_record\n"
    ),
    "a stolen port is the user's mistake": (
        "import llmwright.targets.local.launch.runner as room\nroom.last_lines_contain = lambda *_: False\n"
    ),
    "checkpoints of another tuning stay": (
        "from llmwright.targets.local.launch.volume_directories import VolumeDirectories\n"
        "VolumeDirectories.set_results_aside = lambda self: None\n"
    ),
    "a thief's answer counts": (
        "import tests.simulation.machine.stand_ins as room\nroom.Machine._is_strangers = lambda *_: False\n"
    ),
    "every failure is called a crash": (
        "import llmwright.targets.local.launch.run_transitions as room\n"
        "room._cause = lambda run, end: ('ContainerCrashLoopBackOff', end.error)\n"
    ),
    "the last words of a program are lost": (
        "import llmwright.targets.local.launch.runner as room\nroom.error_text = lambda *_: ''\n"
    ),
    "a server that is tried once more is not stalled": (
        "import llmwright.targets.local.supervisor.roles as room\n"
        "from dataclasses import replace\n"
        "before = room.observed_workload\n"
        "room.observed_workload = lambda *rest: replace(before(*rest), crashing=False)\n"
    ),
    "a start waits for nothing": (
        "from llmwright.targets.local.process.leftovers import end_leftovers\n"
        "import llmwright.targets.local.supervisor.roles as roles\n"
        "from llmwright.targets.local.launch.runner import RoleRunner\n"
        "RoleRunner.stopped = property(lambda self: self.run.phase == 'stopping')\n"
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda name: name.replace(" ", "-"))
def test_each_mistake_is_found(mutant: str) -> None:
    done = carry_out(0, 400, MUTANTS[mutant], "--first")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "->" in done.stdout


def test_a_seed_is_one_schedule() -> None:
    digests = {carry_out(7, 12).stdout.partition("digest ")[2].partition(";")[0] for _ in range(2)}
    assert len(digests) == 1
    assert digests != {""}
