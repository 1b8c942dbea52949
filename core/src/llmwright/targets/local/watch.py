"""Wait for a Workspace's status to change, or for a condition to hold."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import NotYet, TargetError
from llmwright.lifecycle.waiting import holds, present_status
from llmwright.targets.local.store.workspace_store import WorkspaceStore
from llmwright.targets.local.supervisor.repair import PeriodicRepair

POLL_S = 0.1


def poll_until(condition: Callable[[], bool], timeout_s: float | None) -> bool:
    """Call ``condition`` every 0.1 s until it returns true; return False after ``timeout_s``, where that is given."""
    until = None if timeout_s is None else time.monotonic() + timeout_s
    while not condition():
        if until is not None and time.monotonic() >= until:
            return False
        time.sleep(POLL_S)
    return True


def watch(store: WorkspaceStore, timeout_s: float | None = None) -> Iterator[Workspace]:
    """Iterate over the Workspace now and after each change of its status, until it is deleted.

    A status from before the latest apply is left out. A supervisor that is lost meanwhile is replaced.

    Raises:
        NotYet: it is still there after ``timeout_s``.
    """
    until = None if timeout_s is None else time.monotonic() + timeout_s
    last: WorkspaceStatus | None = None
    while True:
        # Before the status is read: a change after that ends the wait at once.
        written_at = store.status_written_at()
        try:
            workspace = store.read_workspace()
        except TargetError as error:
            if error.reason != "NotFound":
                raise
            return
        status = present_status(workspace)
        if status is not None and status != last:
            last = status
            yield workspace
        if not _wait_for_write(store, written_at, until):
            raise NotYet(f"{store.key} is still there after {timeout_s:g} s")


def wait_for(store: WorkspaceStore, condition: str, timeout_s: float | None) -> None:
    """Return once ``condition`` (``Ready``, ``Ready=False``) holds, or with ``delete`` once the Workspace is gone.

    A supervisor that is lost meanwhile is replaced.

    Raises:
        NotYet: not within ``timeout_s``.
        TargetError: ``NotFound``, or the Workspace is stalled: then with its root cause.
        ConfigError: it is stalled, and only the user can mend that.
    """
    repair = PeriodicRepair(store)

    def holds_now() -> bool:
        if _holds(store, condition):
            return True
        repair.check()
        return False

    if not poll_until(holds_now, timeout_s):
        raise NotYet(f"{store.key}: {condition} does not hold after {timeout_s:g} s")


def _holds(store: WorkspaceStore, condition: str) -> bool:
    if condition == "delete":
        return not store.exists
    status = present_status(store.read_workspace())
    return status is not None and holds(status, condition, store.key)


def _wait_for_write(store: WorkspaceStore, written_at: int, until: float | None) -> bool:
    """Return once the status is written or the Workspace is gone; False where ``until`` is past before."""
    repair = PeriodicRepair(store)
    while store.status_written_at() == written_at and store.folder.exists():
        if until is not None and time.monotonic() >= until:
            return False
        repair.check()
        time.sleep(POLL_S)
    return True
