"""The files of one Workspace; the package's docstring lists them and who writes which."""

from __future__ import annotations

import shutil
import uuid
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import TargetError
from llmwright.targets.local.store.applied_workspace import AppliedWorkspace
from llmwright.targets.local.store.json_records import disk_error, read_record, write_record
from llmwright.targets.local.store.supervisor_record import SupervisorRecord
from llmwright.values.plan import Plan

T = TypeVar("T")

APPLIED, PLAN, STATUS, RUNS = "workspace.json", "plan.json", "status.json", "runs.json"


class WorkspaceStore:
    """Reads and writes the files of one Workspace, which need not exist.

    Every read raises TargetError where the file cannot be understood (``StateUnreadable``) or a newer version wrote it
    (``StateTooNew``); every write where the disk refuses (``DiskFull``, ``StateNotWritable``).
    """

    def __init__(self, root: Path, namespace: str, name: str) -> None:
        self.root, self.namespace, self.name = root, namespace, name
        self.folder = root / "workspaces" / namespace / name
        self.volumes = self.folder / "volumes"
        self.logs = self.folder / "logs"
        self.supervisor_lock = self.folder / "lock"
        self.apply_lock = root / "locks" / namespace / name
        self.wake_pipe = self.folder / "wake"

    @property
    def key(self) -> str:
        """``NAMESPACE/NAME``, for messages."""
        return f"{self.namespace}/{self.name}"

    @property
    def mark(self) -> str:
        """The value that identifies this Workspace in the environment of its processes."""
        return str(self.folder)

    @property
    def exists(self) -> bool:
        """Whether such a Workspace was applied."""
        return (self.folder / APPLIED).exists()

    def create(self) -> None:
        """Make the folders."""
        try:
            for folder in (self.folder, self.volumes, self.logs):
                # For the user alone: data and logs lie there.
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise disk_error(self.folder, error) from error

    def remove(self) -> None:
        """Remove the Workspace's folder; do nothing where there is none."""
        aside = self.root / "removed" / uuid.uuid4().hex
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Renamed before its files are removed: else another command reads a Workspace that has lost half of them.
            self.folder.rename(aside)
        except FileNotFoundError:
            return
        shutil.rmtree(aside, ignore_errors=True)

    def read_workspace(self) -> Workspace:
        """Return the Workspace with its status.

        Raises:
            TargetError: ``NotFound``, or its files cannot be read.
        """
        return self.require_applied().parsed().model_copy(update={"status": self.read_status()})

    def require_applied(self) -> AppliedWorkspace:
        """Return what the user applied.

        Raises:
            TargetError: ``NotFound``, or its file cannot be read.
        """
        applied = self.read_applied()
        if applied is None:
            raise TargetError(
                f"workspace {self.name!r} is not there in namespace {self.namespace!r}",
                hint="`llmwright get` lists those that are",
                reason="NotFound",
            )
        return applied

    def read_applied(self) -> AppliedWorkspace | None:
        """Return what the user applied, None where nothing was."""
        return self._read(APPLIED, AppliedWorkspace)

    def write_applied(self, applied: AppliedWorkspace) -> None:
        """Record what the user wants; only under the apply lock."""
        self._write(APPLIED, AppliedWorkspace, applied)

    def forget_applied(self) -> None:
        """Remove the record of what the user wants, so that a supervisor ends."""
        (self.folder / APPLIED).unlink(missing_ok=True)

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
        except FileNotFoundError:
            return 0

    def read_record(self) -> SupervisorRecord | None:
        """Return the supervisor's record of its processes."""
        return self._read(RUNS, SupervisorRecord)

    def write_record(self, record: SupervisorRecord) -> None:
        """Write the supervisor's record; only the supervisor does."""
        self._write(RUNS, SupervisorRecord, record)

    def _write(self, file: str, kind: Any, value: Any) -> None:
        write_record(self.folder / file, _adapter(kind).dump_python(value, mode="json"))

    def _read(self, file: str, kind: type[T]) -> T | None:
        body = read_record(self.folder / file)
        if body is None:
            return None
        try:
            value: T = _adapter(cast("Any", kind)).validate_python(body)
        except ValidationError as error:
            raise TargetError(
                f"{self.folder / file} cannot be understood: {error.errors()[0]['msg']}",
                hint=f"`llmwright delete {self.name}` removes the Workspace it belongs to",
                reason="StateUnreadable",
            ) from error
        return value


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
