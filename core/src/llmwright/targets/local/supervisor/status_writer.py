"""Writes the status where it changed, and notifies the plugins' observers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import TargetError
from llmwright.targets.local.store.workspace_store import WorkspaceStore

log = logging.getLogger(__name__)

Notify = Callable[[Workspace, "WorkspaceStatus | None", WorkspaceStatus], None]


class StatusWriter:
    """Keeps ``status.json``. ``notify`` is called after each write, in order, in a thread of its own."""

    def __init__(self, store: WorkspaceStore, notify: Notify) -> None:
        self._store, self._notify = store, notify
        # One thread: a slow observer delays no pass, and observers see the statuses in order.
        self._observers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="observer")
        self._last: WorkspaceStatus | None = None
        self._written_at: int | None = None

    @property
    def last(self) -> WorkspaceStatus | None:
        """The status as last read or written."""
        return self._last

    def read(self) -> None:
        """Read the status that the supervisor before has left; a damaged one counts as none."""
        try:
            self._last = self._store.read_status()
        except TargetError as error:
            log.warning("%s", error.message)

    def write(self, workspace: Workspace, status: WorkspaceStatus) -> None:
        """Write ``status`` where it differs, and once in any case.

        Raises:
            TargetError: the disk refuses.
        """
        # Once in any case: `repair` waits for the new supervisor's write, whether or not it changes anything. And where
        # the file is no longer the one that was written.
        if status == self._last and self._written_at == self._store.status_written_at():
            return
        # Progress alone may be lost in a power cut, and a sync to the disk for each step would be slow.
        durable = self._last is None or self._last.conditions != status.conditions
        self._store.write_status(status, durable=durable)
        self._written_at = self._store.status_written_at()
        before, self._last = self._last, status
        if before == status:
            return
        self._observers.submit(self._notify, workspace, before, status)

    def close(self) -> None:
        """Wait until the observers were notified."""
        self._observers.shutdown()
