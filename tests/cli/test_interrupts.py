"""Ctrl-C at any moment, SIGTERM, and a reader that goes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples/quickstart.yaml"

INTERRUPTED = """
import os, signal, sys
moment, count = int(sys.argv.pop(1)), 0
def look(event, arguments):
    global count
    if event == "import":
        count += 1
        if count == moment:
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
from llmwright.cli import main
sys.addaudithook(look)
main()
"""


def start(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("moment", [1, 20, 130, 240, 300])
def test_interrupted_at_any_import_it_ends_with_130_and_says_nothing(moment: int) -> None:
    """The 1st import is that of the root command; from about the 200th on, the verb runs."""
    ended = start(INTERRUPTED, str(moment), "plan", "-f", str(EXAMPLE))
    assert (ended.returncode, ended.stderr.strip()) == (130, "")


def test_interrupts_that_a_shell_has_turned_off_stay_off() -> None:
    ignoring = INTERRUPTED.replace("signal.default_int_handler", "signal.SIG_IGN")
    assert start(ignoring, "20", "version").returncode == 0


def test_an_interrupt_after_the_verb_changes_nothing() -> None:
    late = "import atexit, os, signal, sys; atexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
    ended = start(f"{late}sys.argv[1:] = ['presets', 'list']\nfrom llmwright.cli import main; main()")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_sigterm_ends_it_by_that_signal() -> None:
    terminated = INTERRUPTED.replace("os.kill(os.getpid(), signal.SIGINT)", "os.kill(os.getpid(), signal.SIGTERM)")
    ended = start(terminated, "60", "plan", "-f", str(EXAMPLE))
    assert (ended.returncode, ended.stderr) == (-signal.SIGTERM, "")


@pytest.mark.parametrize("verb", [("plan", "-f", str(EXAMPLE)), ("crd",)])
def test_a_reader_that_goes_ends_it_in_silence(verb: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "llmwright", *verb]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert (process.returncode, said) == (141, "")
