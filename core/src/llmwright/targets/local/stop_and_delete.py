"""Stop or delete a Workspace: record the wish, wake its supervisor, and wait for it."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace

from llmwright.api.status import Condition
from llmwright.errors import NotYet, TargetError
from llmwright.lifecycle.deleting import NOT_RELEASED
from llmwright.targets.local.launch.volume_directories import memory_directory
from llmwright.targets.local.process.leftovers import end_leftovers, find_leftovers
from llmwright.targets.local.store.locks import FileLock
from llmwright.targets.local.store.workspace_store import WorkspaceStore
from llmwright.targets.local.supervisor.event_wait import wake_supervisor
from llmwright.targets.local.supervisor.repair import PeriodicRepair
from llmwright.targets.local.supervisor.start import ensure_supervisor, is_supervised
from llmwright.targets.local.watch import poll_until
from llmwright.targets.workspace_target import Tell

UNREADABLE_TIMEOUT_S = 60.0
"""How long the deletion of a Workspace with unreadable files waits for its supervisor to end."""

PROGRESS_S = 2.0
"""How long a deletion takes before it is told what it waits for."""

MOST_SUPERVISORS = 3
"""After so many that were lost while a Workspace was to be deleted, the command deletes it itself."""


def stop(store: WorkspaceStore, timeout_s: float | None = None) -> None:
    """End its processes and keep everything else.

    Raises:
        TargetError: ``NotFound``.
        NotYet: its processes did not end within ``timeout_s``.
    """
    with FileLock(store.apply_lock):
        # Written before the wake: a supervisor woken earlier reads the old file, and waits again.
        store.write_applied(replace(store.require_applied(), stopped=True))
        wake_supervisor(store.wake_pipe)
    if not poll_until(lambda: not is_supervised(store), timeout_s):
        raise NotYet(f"{store.key} still runs after {timeout_s:g} s")


def delete(
    store: WorkspaceStore,
    *,
    wait: bool,
    timeout_s: float | None = None,
    force: bool = False,
    tell: Tell = lambda _: None,
) -> None:
    """End its processes and remove it, also where its files are damaged.

    Args:
        store: where the Workspace is.
        wait: return only once it is gone.
        timeout_s: for how long.
        force: remove it at once, and leave behind what its provisioner holds.
        tell: takes a line, after 2 s and when it changes, about what is waited for.

    Raises:
        TargetError: ``NotFound``; ``NotReleased``, where its nodes could not be given back: it stays, to be deleted
            once more.
        NotYet: its processes did not end within ``timeout_s``.
    """
    supervisor = FileLock(store.supervisor_lock)
    with FileLock(store.apply_lock):
        if not _mark_deleted(store) or force:
            _tear_down(store)
            return
        # Opened before the supervisor can remove the folder: later there is no file whose lock tells of its end.
        supervisor.open()
        ensure_supervisor(store)
    try:
        if wait:
            _wait_until_gone(store, supervisor, timeout_s, tell)
    finally:
        supervisor.release()


def _mark_deleted(store: WorkspaceStore) -> bool:
    """Record the wish; return False where no supervisor could read it.

    Raises:
        TargetError: ``NotFound``, or the disk refuses.
    """
    try:
        applied = store.read_applied()
    except TargetError as error:
        if error.reason != "StateUnreadable":
            raise
        return False
    if applied is None:
        if not store.has_folder and not find_leftovers(None, store.mark, store.supervisor_arguments):
            store.require_applied()
        return False
    store.write_deleting(applied)
    return True


def _wait_until_gone(store: WorkspaceStore, supervisor: FileLock, timeout_s: float | None, tell: Tell) -> None:
    until = None if timeout_s is None else time.monotonic() + timeout_s
    repair = PeriodicRepair(store)
    progress = _Progress(store, tell)

    def is_gone() -> bool:
        if not store.exists:
            return True
        # Before the repair: its supervisor would only try once more what has just been given up.
        if not is_supervised(store):
            _raise_unreleased(store)
        progress.step()
        repair.check()
        return repair.count >= MOST_SUPERVISORS

    late = NotYet(f"{store.key}: delete does not hold after {timeout_s or 0:g} s")
    if not poll_until(is_gone, timeout_s):
        raise late
    if store.exists:
        with FileLock(store.apply_lock):
            _tear_down(store)
    elif not supervisor.acquire(wait_s=None if until is None else max(until - time.monotonic(), 0.0)):
        raise late


class _Progress:
    """Tells what a deletion waits for, where it takes more than 2 s."""

    def __init__(self, store: WorkspaceStore, tell: Tell) -> None:
        self._store, self._tell = store, tell
        self._due, self._told = time.monotonic() + PROGRESS_S, ""

    def step(self) -> None:
        """Tell it where it is due, and is another than was told last."""
        if time.monotonic() >= self._due:
            condition = _deleting(self._store)
            text = condition.message if condition is not None else "waits for its supervisor"
            if text != self._told:
                self._tell(f"{self._store.key}: {text}")
            self._due, self._told = time.monotonic() + PROGRESS_S, text


def _deleting(store: WorkspaceStore) -> Condition | None:
    try:
        status = store.read_status()
    except TargetError:
        return None
    return status.condition("WorkspaceDeleting") if status is not None else None


def _raise_unreleased(store: WorkspaceStore) -> None:
    """Raise TargetError where the last supervisor could not give the nodes back."""
    condition = _deleting(store)
    # The Workspace may have gone since the status was read, and another deletion with it.
    if condition is not None and condition.reason == NOT_RELEASED and store.exists:
        again = store.place.command(f"delete {store.name}", store.namespace)
        raise TargetError(
            f"{store.key} is not deleted: {condition.message}",
            hint=f"`{again}` tries again; with --force it forgets the "
            "Workspace, and what is named here is yours to give back",
            reason=NOT_RELEASED,
        )


def _tear_down(store: WorkspaceStore) -> None:
    """End whatever is found of it in the process table, and remove what is left of its files."""
    # The file first: without it a supervisor ends, and only then may the rest be removed under its processes.
    store.forget_applied()
    wake_supervisor(store.wake_pipe)
    lock = FileLock(store.supervisor_lock)
    try:
        if store.folder.is_dir() and not lock.acquire(wait_s=UNREADABLE_TIMEOUT_S):
            # It hangs: it is found by its arguments, and its processes end with it.
            end_leftovers(None, store.mark, store.supervisor_arguments)
        end_leftovers(store.read_record_if_readable(), store.mark, store.supervisor_arguments)
        shutil.rmtree(memory_directory(store.mark), ignore_errors=True)
        store.remove()
    finally:
        lock.release()
