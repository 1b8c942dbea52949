"""Stop or delete a Workspace: record the wish, wake its supervisor, and wait for it."""

from __future__ import annotations

from dataclasses import replace

from llmwright.errors import NotYet, TargetError
from llmwright.targets.local.process.leftovers import end_leftovers
from llmwright.targets.local.store.locks import FileLock
from llmwright.targets.local.store.workspace_store import WorkspaceStore
from llmwright.targets.local.supervisor.event_wait import wake_supervisor
from llmwright.targets.local.supervisor.start import ensure_supervisor, is_supervised
from llmwright.targets.local.watch import poll_until, wait_for

UNREADABLE_TIMEOUT_S = 60.0
"""How long the deletion of a Workspace with unreadable files waits for its supervisor to end."""


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


def delete(store: WorkspaceStore, *, wait: bool, timeout_s: float | None = None) -> None:
    """End its processes and remove it.

    Raises:
        TargetError: ``NotFound``.
        NotYet: its processes did not end within ``timeout_s``.
    """
    supervisor = FileLock(store.supervisor_lock)
    with FileLock(store.apply_lock):
        if not _mark_deleted(store):
            return
        # Opened before the supervisor can remove the folder: later there is no file whose lock tells of its end.
        supervisor.open()
        ensure_supervisor(store)
    if wait:
        wait_for(store, "delete", timeout_s)
        supervisor.acquire(wait_s=timeout_s)
    supervisor.release()


def _mark_deleted(store: WorkspaceStore) -> bool:
    """Record the wish; return False where no supervisor could read it, so that the Workspace is removed already."""
    try:
        applied = store.require_applied()
    except TargetError as error:
        if error.reason != "StateUnreadable":
            raise
        _remove_unreadable(store)
        return False
    store.write_applied(replace(applied, deleting=True, stopped=False))
    return True


def _remove_unreadable(store: WorkspaceStore) -> None:
    # The file first: without it a supervisor ends, and only then may the rest be removed under its processes.
    store.forget_applied()
    wake_supervisor(store.wake_pipe)
    lock = FileLock(store.supervisor_lock)
    if not lock.acquire(wait_s=UNREADABLE_TIMEOUT_S):
        raise NotYet(f"the processes of {store.key} do not end")
    end_leftovers(None, store.mark)
    store.remove()
    lock.release()
