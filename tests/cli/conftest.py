"""The command line, run in this process with a state directory of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from tests.support.command import Run, in_this_process
from tests.support.declared import Declare, write_distribution


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory; state goes beside it, and no settings or proxies of this machine hold."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("LLMWRIGHT_STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("COLUMNS", "200")
    return work


@pytest.fixture
def run(here: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs ``llmwright ARGUMENTS``."""
    return in_this_process(monkeypatch, capfd)


@pytest.fixture
def written(here: Path) -> Callable[..., Path]:
    """Writes a file into the working directory."""

    def write(text: str, name: str = "workspace.yaml") -> Path:
        path = here / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Declare]:
    """Installs a stranger's distribution for the commands of this test; its modules are forgotten afterwards."""
    before = set(sys.modules)

    def declare(
        name: str, entry_points: Mapping[str, Mapping[str, str]], files: Mapping[str, str | bytes] | None = None
    ) -> None:
        site = tmp_path / "sites" / name
        write_distribution(site, name, entry_points, files or {})
        monkeypatch.syspath_prepend(site)

    yield declare
    for module in {*sys.modules} - before:
        if (
            str(tmp_path)
            in f"{getattr(sys.modules[module], '__file__', '')}{getattr(sys.modules[module], '__path__', '')}"
        ):
            del sys.modules[module]
