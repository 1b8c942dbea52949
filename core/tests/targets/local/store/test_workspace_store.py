"""Damaged files of a Workspace: nothing is called ready that does not run, and `delete` leaves nothing."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from core.tests.targets.local.support.launches import make_workspace, serving
from core.tests.targets.local.support.machine import PATIENCE_S, Machine, get_text
from tests.support.plans import make_plan
from tests.support.waiting import wait_until

from llmwright.errors import ConfigError, LLMwrightError, TargetError
from llmwright.targets.local.process.child import MARK
from llmwright.targets.local.store.private_files import discard

FILES = ("workspace.json", "plan.json", "status.json", "runs.json", "lock", "wake", "answering", "logs", "volumes")


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def half(path: Path) -> None:
    content = path.read_bytes() if path.is_file() else b"{"
    path.write_bytes(content[: len(content) // 2])


def deep(path: Path) -> None:
    path.write_text('{"version": 1, "body": ' + "[" * 100_000)


def other(path: Path) -> None:
    path.write_text('{"version": 1, "body": [1, "x", null]}')


def looped(path: Path) -> None:
    path.symlink_to(path)


def filled(path: Path) -> None:
    path.mkdir()
    (path / "stranger").write_text("x")


KINDS: tuple[Callable[[Path], object], ...] = (emptied, half, deep, other, looped, filled, os.mkfifo, lambda _: None)


def damage(path: Path, kind: Callable[[Path], object]) -> None:
    """Put something else where the file was."""
    if kind not in (emptied, half) or not path.is_file():
        discard(path)
    kind(path)


def served(machine: Machine) -> Path:
    """Serve, and return the Workspace's folder."""
    machine.target.apply(make_workspace(), make_plan(serving=serving()))
    machine.wait("Ready")
    return machine.root / "workspaces/default/demo"


def claimed_endpoint(machine: Machine) -> str | None:
    """The endpoint of a Workspace that is called ready, None where it is not, or cannot be read."""
    machine.target.repair()
    try:
        status = machine.target.get("default", "demo").status
    except TargetError:
        return None
    ready = status and status.condition("Ready")
    return status.endpoint if status and ready and ready.status == "True" else None


def gone(machine: Machine) -> bool:
    return not (machine.root / "workspaces/default/demo").exists() and not machine.processes()


@pytest.mark.parametrize("alive", [True, False], ids=["supervised", "supervisor-lost"])
def test_each_kind_of_damage_to_each_file_can_be_deleted(machine: Machine, alive: bool) -> None:
    """One Workspace after the other; a rotation of kinds meets each file, and all do in the long test."""
    for number, name in enumerate(FILES):
        folder = served(machine)
        if not alive:
            machine.kill_supervisor()
        damage(folder / name, KINDS[(number + alive) % len(KINDS)])
        endpoint = claimed_endpoint(machine)
        assert endpoint is None or get_text(endpoint) == "base", name
        machine.target.delete("default", "demo", timeout_s=PATIENCE_S)
        assert gone(machine), name
        wait_until(lambda: not machine.supervisors(), "the supervisor is gone")


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_every_damage_can_be_deleted(machine: Machine, name: str, kind: int) -> None:
    folder = served(machine)
    machine.kill_supervisor()
    damage(folder / name, KINDS[kind])
    endpoint = claimed_endpoint(machine)
    assert endpoint is None or get_text(endpoint) == "base"
    machine.target.delete("default", "demo", timeout_s=PATIENCE_S)
    assert gone(machine)


def test_processes_are_found_by_their_mark_where_every_file_is_gone(machine: Machine) -> None:
    folder = served(machine)
    machine.kill_supervisor()
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env={**os.environ, MARK: str(folder)}
    )
    shutil.rmtree(folder)
    machine.target.delete("default", "demo", timeout_s=PATIENCE_S)
    left.wait(PATIENCE_S)
    with pytest.raises(TargetError, match="is not there"):
        machine.target.delete("default", "demo")


def test_a_record_that_is_lost_brings_the_server_back(machine: Machine) -> None:
    folder = served(machine)
    machine.kill_supervisor()
    emptied(folder / "runs.json")
    assert not machine.status().endpoint
    machine.target.repair()
    assert get_text(str(machine.wait("Ready").endpoint)) == "base"


@pytest.mark.parametrize("name", [".", "..", "../../../x", "/etc", "a/b", "", "*", "A", "x" * 64])
def test_what_is_no_name_leads_nowhere(machine: Machine, name: str) -> None:
    calls: tuple[Callable[[], object], ...] = (
        lambda: machine.target.get(name, "demo"),
        lambda: machine.target.get("default", name),
        lambda: machine.target.delete("default", name),
        lambda: list(machine.target.list(name)),
    )
    for call in calls:
        with pytest.raises(ConfigError, match="must"):
            call()
    assert not machine.root.exists()


def test_everything_is_for_the_user_alone_under_any_umask(machine: Machine) -> None:
    before = os.umask(0)
    try:
        served(machine)
    finally:
        os.umask(before)
    open_to_others = [path for path in (machine.root, *machine.root.rglob("*")) if path.lstat().st_mode & 0o077]
    assert open_to_others == []


def test_delete_works_on_a_full_disk(machine: Machine) -> None:
    served(machine)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    machine.kill_supervisor()
    # As a full disk does, the limit refuses every byte, and no new name.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        machine.target.delete("default", "demo", timeout_s=PATIENCE_S)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert gone(machine)


def test_a_place_that_cannot_be_written_is_one_error(machine: Machine) -> None:
    machine.root.parent.mkdir(exist_ok=True)
    machine.root.write_text("a file where the state directory should be")
    for call in (
        lambda: machine.target.apply(make_workspace(), make_plan(serving=serving())),
        lambda: machine.target.delete("default", "demo"),
        lambda: machine.target.get("default", "demo"),
    ):
        with pytest.raises(LLMwrightError):
            call()
    assert list(machine.target.list()) == []
    assert machine.target.repair() == ()
