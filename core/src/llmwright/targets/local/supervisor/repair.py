"""Replace a supervisor that is lost."""

from __future__ import annotations

import time

from llmwright.errors import TargetError
from llmwright.targets.local.process.leftovers import end_leftovers
from llmwright.targets.local.store.locks import FileLock
from llmwright.targets.local.store.workspace_store import WorkspaceStore
from llmwright.targets.local.supervisor.start import ensure_supervisor, is_supervised

CHECK_EVERY_S = 2.0


def repair(store: WorkspaceStore) -> bool:
    """Start a supervisor where one is needed and none runs; return whether it did.

    A stopped Workspace needs none: leftovers of it are ended here. Neither does one whose record is settled. One whose
    ``workspace.json`` is damaged cannot be carried out.

    Raises:
        TargetError: the disk refuses.
    """
    if is_supervised(store):
        return False
    try:
        applied = store.read_applied()
    except TargetError:
        return False
    record = store.read_record_if_readable()
    if applied is None:
        return False
    if applied.stopped and not applied.deleting:
        end_leftovers(record, store.mark, store.supervisor_arguments)
        return False
    if record is not None and record.settled and record.generation == applied.generation and not applied.deleting:
        return False
    with FileLock(store.apply_lock):
        ensure_supervisor(store)
    return True


class PeriodicRepair:
    """Repairs a Workspace every 2 s, for as long as a command waits for it and calls ``check``."""

    def __init__(self, store: WorkspaceStore) -> None:
        self._store = store
        self._due = time.monotonic() + CHECK_EVERY_S
        self.count = 0
        """How many supervisors it has started."""

    def check(self) -> None:
        """Repair the Workspace where that is due."""
        if time.monotonic() >= self._due:
            self.count += repair(self._store)
            self._due = time.monotonic() + CHECK_EVERY_S
