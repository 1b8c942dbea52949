"""Child processes: which of a group a signal reaches."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import psutil
from tests.support.waiting import wait_until

from llmwright.targets.local.process.child import spawn

PARENT = """
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])

def end(*_):
    try:
        print("ended", child.wait(0.5), flush=True)
    except subprocess.TimeoutExpired:
        print("alive", flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
print("up", child.pid, flush=True)
signal.pause()
"""


def test_a_process_that_is_asked_to_end_keeps_its_children_until_it_has_ended(tmp_path: Path) -> None:
    """As in a pod: an engine finishes its answers through its workers. Those that it leaves are killed."""
    log = tmp_path / "log"
    child = spawn((sys.executable, "-c", PARENT), dict(os.environ), log, tmp_path)
    wait_until(lambda: "up" in log.read_text(), "it runs", 60)
    child.signal(signal.SIGTERM)
    wait_until(lambda: child.exit_code() is not None, "it ended", 60)
    first, last = log.read_text().splitlines()
    assert (child.exit_code(), last) == (0, "alive")
    wait_until(lambda: not psutil.pid_exists(int(first.split()[1])), "the child that it left is gone", 60)
