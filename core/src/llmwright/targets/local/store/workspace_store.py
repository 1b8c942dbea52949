"""The files of one Workspace; the package's docstring lists them and who writes which."""

from __future__ import annotations

import logging
import os
import uuid
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import TargetError
from llmwright.lifecycle.lost_server import without_server
from llmwright.targets.local.store.applied_workspace import AppliedWorkspace
from llmwright.targets.local.store.json_records import disk_error, read_record, write_record
from llmwright.targets.local.store.locks import is_locked
from llmwright.targets.local.store.private_files import discard, make_folder_in_place, make_folders, open_private
from llmwright.targets.local.store.supervisor_record import SupervisorRecord
from llmwright.values.plan import Plan
from llmwright.values.same_place import SamePlace

T = TypeVar("T")

log = logging.getLogger(__name__)

APPLIED, PLAN, STATUS, RUNS = "workspace.json", "plan.json", "status.json", "runs.json"


class WorkspaceStore:
    """Reads and writes the files of one Workspace, which need not exist.

    Every read raises TargetError where the file cannot be understood (``StateUnreadable``) or a newer version wrote it
    (``StateTooNew``); every write where the disk refuses (``DiskFull``, ``StateNotWritable``). ``place`` is how its
    user reaches this machine, for the commands that messages propose.
    """

    def __init__(self, root: Path, namespace: str, name: str, place: SamePlace | None = None) -> None:
        self.place = place or SamePlace()
        self.root, self.namespace, self.name = root, namespace, name
        self.folder = root / "workspaces" / namespace / name
        self.volumes = self.folder / "volumes"
        self.logs = self.folder / "logs"
        self.supervisor_lock = self.folder / "lock"
        self.apply_lock = root / "locks" / namespace / name
        self.answering_lock = self.folder / "answering"
        self.wake_pipe = self.folder / "wake"
        self._tombstone = self.folder / "deleting"

    @property
    def key(self) -> str:
        """``NAMESPACE/NAME``, for messages."""
        return f"{self.namespace}/{self.name}"

    @property
    def mark(self) -> str:
        """The value that identifies this Workspace in the environment of its processes."""
        return str(self.folder)

    @property
    def supervisor_arguments(self) -> tuple[str, ...]:
        """The arguments of the Python that supervises this Workspace, which identify it in the process table."""
        # -P: a file of the user's directory must not be imported in place of a module.
        return ("-P", "-m", "llmwright.targets.local", self.namespace, self.name, "--state", str(self.root))

    @property
    def exists(self) -> bool:
        """Whether such a Workspace was applied, readable or not."""
        return os.path.lexists(self.folder / APPLIED)

    @property
    def has_folder(self) -> bool:
        """Whether anything lies where its files do."""
        return os.path.lexists(self.folder)

    def create(self) -> None:
        """Make the folders, those too that something else has taken the place of."""
        try:
            for folder in (self.folder, self.volumes, self.logs):
                make_folder_in_place(folder)
        except OSError as error:
            raise disk_error(self.folder, error) from error

    def remove(self) -> None:
        """Remove the Workspace's folder, and what earlier removals left; do nothing where there is none.

        Raises:
            TargetError: the disk refuses.
        """
        removed = self.root / "removed"
        try:
            if self.has_folder:
                make_folders(removed)
                # Renamed before its files are removed: else another command reads a Workspace that has lost half of
                # them.
                self.folder.rename(removed / uuid.uuid4().hex)
            for left in [*removed.iterdir()] if removed.is_dir() else ():
                discard(left)
        except FileNotFoundError:
            # Another removal was faster.
            return
        except OSError as error:
            raise disk_error(self.folder, error) from error

    def read_workspace(self) -> Workspace:
        """Return the Workspace with its status, which calls nothing ready that does not run.

        Raises:
            TargetError: ``NotFound``, or its files cannot be read.
        """
        applied = self.require_applied()
        status = self.read_status()
        # After the status is read: a server that ends in between makes it untrue, not the other way round.
        if status is not None and not is_locked(self.answering_lock):
            status = without_server(status)
        try:
            return applied.parsed().model_copy(update={"status": status})
        except ValidationError as error:
            raise self._misunderstood(APPLIED, error) from error

    def require_applied(self) -> AppliedWorkspace:
        """Return what the user applied.

        Raises:
            TargetError: ``NotFound``, or its file cannot be read.
        """
        applied = self.read_applied()
        if applied is None:
            raise TargetError(
                f"workspace {self.name!r} is not there in namespace {self.namespace!r}",
                hint=f"`{self.place.command('get -A')}` lists those that are",
                reason="NotFound",
            )
        return applied

    def read_applied(self) -> AppliedWorkspace | None:
        """Return what the user applied, None where nothing was."""
        applied = self._read(APPLIED, AppliedWorkspace)
        if applied is None or not os.path.lexists(self._tombstone):
            return applied
        return replace(applied, deleting=True, stopped=False)

    def write_applied(self, applied: AppliedWorkspace) -> None:
        """Record what the user wants; only under the apply lock."""
        self._write(APPLIED, AppliedWorkspace, applied)

    def write_deleting(self, applied: AppliedWorkspace) -> None:
        """Record that the user wants it gone, on a full disk too; only under the apply lock."""
        try:
            self.write_applied(replace(applied, deleting=True, stopped=False))
        except TargetError as error:
            if error.reason != "DiskFull":
                raise
            try:
                # Without content: it takes no space.
                os.close(open_private(self._tombstone, os.O_WRONLY | os.O_CREAT))
            except OSError:
                raise error from None

    def forget_applied(self) -> None:
        """Remove the record of what the user wants, so that a supervisor ends.

        Raises:
            TargetError: the disk refuses.
        """
        try:
            discard(self.folder / APPLIED)
        except OSError as error:
            raise disk_error(self.folder / APPLIED, error) from error

    def read_plan(self) -> Plan | None:
        """Return the recorded plan."""
        return self._read(PLAN, Plan)

    def write_plan(self, plan: Plan) -> None:
        """Record a plan; only under the apply lock."""
        self._write(PLAN, Plan, plan)

    def read_status(self) -> WorkspaceStatus | None:
        """Return the status as last written."""
        return self._read(STATUS, WorkspaceStatus)

    def write_status(self, status: WorkspaceStatus, *, durable: bool = True) -> None:
        """Write the status; only the supervisor does."""
        body = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        write_record(self.folder / STATUS, body, durable=durable)

    def status_written_at(self) -> int:
        """Return when the status was last written, in nanoseconds since the epoch; 0 where it never was."""
        try:
            return (self.folder / STATUS).stat().st_mtime_ns
        except OSError:
            return 0

    def read_record(self) -> SupervisorRecord | None:
        """Return the supervisor's record of its processes."""
        return self._read(RUNS, SupervisorRecord)

    def read_record_if_readable(self) -> SupervisorRecord | None:
        """Return the supervisor's record, None also where it is damaged: then its processes bear the mark alone."""
        try:
            return self.read_record()
        except TargetError as error:
            log.warning("%s", error.message)
            return None

    def write_record(self, record: SupervisorRecord) -> None:
        """Write the supervisor's record; only the supervisor does."""
        self._write(RUNS, SupervisorRecord, record)

    def _write(self, file: str, kind: Any, value: Any) -> None:
        write_record(self.folder / file, _adapter(kind).dump_python(value, mode="json"))

    def _read(self, file: str, kind: type[T]) -> T | None:
        body = read_record(self.folder / file, self._removed_by)
        if body is None:
            return None
        try:
            value: T = _adapter(cast("Any", kind)).validate_python(body)
        except (ValidationError, RecursionError) as error:
            raise self._misunderstood(file, error) from error
        return value

    @property
    def _removed_by(self) -> str:
        delete = self.place.command(f"delete {self.name}", self.namespace)
        return f"`{delete}` removes the Workspace it belongs to"

    def _misunderstood(self, file: str, error: ValidationError | RecursionError) -> TargetError:
        cause = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "it is nested too deep"
        return TargetError(
            f"{self.folder / file} cannot be understood: {cause}",
            hint=self._removed_by,
            reason="StateUnreadable",
        )


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
