"""The state directory: one folder per Workspace, and nothing that is not in these files."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from llmwright.api.status import WorkspaceStatus
from llmwright.errors import TargetError
from llmwright.lifecycle.observed import Role
from llmwright.targets.local.launch.run_transitions import Run
from llmwright.targets.local.store.applied import Request
from llmwright.targets.local.store.json_records import read_record, refused, write_record
from llmwright.values.plan import Plan

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """What the supervisor knows of its processes.

    ``boot`` names the start of the machine that pids belong to, ``ports`` the numbers in use by ``role.name``, so
    that a server comes back where it was. ``tuned`` is the digest whose checkpoints lie in the results. ``generation``
    is the user's change that the runs belong to; ``settled`` that nothing is left to do for it, so that no supervisor
    is needed.
    """

    boot: str
    runs: tuple[Run, ...] = ()
    ports: Mapping[str, int] = field(default_factory=dict)
    tuned: str = ""
    generation: int = 0
    settled: bool = False

    def of(self, role: Role) -> Run | None:
        """The run of that role."""
        return next((run for run in self.runs if run.role == role), None)


class WorkspaceState:
    """The files of one Workspace; see the package for who may write which."""

    def __init__(self, root: Path, namespace: str, name: str) -> None:
        self.root, self.namespace, self.name = root, namespace, name
        self.directory = root / "workspaces" / namespace / name
        self.volumes = self.directory / "volumes"
        self.logs = self.directory / "logs"
        self.supervisor_lock = self.directory / "lock"
        self.apply_lock = root / "locks" / namespace / name
        self.wake = self.directory / "wake"
        self.status_file = self.directory / "status.json"

    @property
    def exists(self) -> bool:
        """Whether such a Workspace was applied."""
        return (self.directory / "workspace.json").exists()

    def create(self) -> None:
        """Make the folders.

        Raises:
            TargetError: the disk is full or refuses.
        """
        try:
            for folder in (self.directory, self.volumes, self.logs):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise refused(self.directory, error) from error

    def read_request(self) -> Request | None:
        """What the user applied, None where nothing was."""
        return self._read("workspace.json", Request)

    def write_request(self, request: Request) -> None:
        """Keep what the user applied; only under the apply lock."""
        self._write("workspace.json", Request, request)

    def read_plan(self) -> Plan | None:
        """The recorded plan."""
        return self._read("plan.json", Plan)

    def write_plan(self, plan: Plan) -> None:
        """Record a plan; only under the apply lock."""
        self._write("plan.json", Plan, plan)

    def read_status(self) -> WorkspaceStatus | None:
        """The status as last written."""
        return self._read("status.json", WorkspaceStatus)

    def write_status(self, status: WorkspaceStatus, *, durable: bool = True) -> None:
        """Write the status; only the supervisor does."""
        body = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        write_record(self.status_file, body, durable=durable)

    def read_runs(self) -> Runs | None:
        """What runs, as last recorded."""
        return self._read("runs.json", Runs)

    def write_runs(self, runs: Runs) -> None:
        """Record what runs; only the supervisor does."""
        self._write("runs.json", Runs, runs)

    def remove(self) -> None:
        """Forget the Workspace: gone at once for everybody, then its files go."""
        aside = self.root / "removed" / uuid.uuid4().hex
        aside.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.directory.rename(aside)
        except FileNotFoundError:
            return
        shutil.rmtree(aside, ignore_errors=True)

    def _write(self, file: str, kind: Any, value: Any) -> None:
        write_record(self.directory / file, _adapter(kind).dump_python(value, mode="json"))

    def _read(self, file: str, kind: type[T]) -> T | None:
        body = read_record(self.directory / file)
        if body is None:
            return None
        try:
            found: T = _adapter(cast("Any", kind)).validate_python(body)
        except ValidationError as error:
            raise TargetError(
                f"{self.directory / file} cannot be understood: {error.errors()[0]['msg']}",
                hint=f"`llmwright delete {self.name}` removes the Workspace it belongs to",
                reason="StateUnreadable",
            ) from error
        return found


class StateDirectory:
    """All Workspaces of this machine's user under one root."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or default_root()).absolute()

    def workspace(self, namespace: str, name: str) -> WorkspaceState:
        """The state of that Workspace, which need not exist."""
        return WorkspaceState(self.root, namespace, name)

    def workspaces(self, namespace: str | None = None) -> Iterator[WorkspaceState]:
        """Those that exist, by namespace and name."""
        for found in sorted((self.root / "workspaces").glob(f"{namespace or '*'}/*/workspace.json")):
            yield self.workspace(found.parent.parent.name, found.parent.name)


def default_root() -> Path:
    """The user's own place for state (XDG on Linux)."""
    from platformdirs import user_state_path

    return user_state_path("llmwright", appauthor=False)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
