"""One command of ``llmwright``, run in this process, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from llmwright.cli.root import run_and_exit


@dataclass(frozen=True)
class Ran:
    """How one command ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]
"""The fixture ``run``, called with the command's arguments."""


def in_this_process(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Return what runs ``llmwright ARGUMENTS``."""

    def run(*arguments: str | Path) -> Ran:
        monkeypatch.setattr("sys.argv", ["llmwright", *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            run_and_exit()
        out, err = capfd.readouterr()
        return Ran(int(ended.value.code or 0), out, err)

    return run
