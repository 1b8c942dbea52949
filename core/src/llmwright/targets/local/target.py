"""The local target as the command line uses it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import NotYet, TargetError
from llmwright.lifecycle.conditions import rfc3339
from llmwright.lifecycle.waiting import holds
from llmwright.targets.local.launch.one_shot import output_of
from llmwright.targets.local.launch.secrets import given_secrets
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.process.leftovers import end_all
from llmwright.targets.local.process.logs import follow, log_files
from llmwright.targets.local.store.applied import Request
from llmwright.targets.local.store.apply import Change, lacks_secrets, record, roll_out, tear_down
from llmwright.targets.local.store.locks import FileLock
from llmwright.targets.local.store.workspace_store import StateDirectory, WorkspaceState
from llmwright.targets.local.supervisor.event_wait import wake
from llmwright.targets.local.supervisor.loop import place_of
from llmwright.targets.local.supervisor.repair import Watchman
from llmwright.targets.local.supervisor.start import is_supervised, start_supervisor
from llmwright.values.launch import Launch
from llmwright.values.plan import Plan

POLL_S = 0.1
REPAIR_S = 15.0
"""How long ``repair`` waits for the new supervisors' first words; without them it goes on."""


class LocalTarget:
    """Workspaces of this machine.

    Every method may be called by several commands at once. None keeps anything running in this process: supervisors
    are processes of their own. Errors are TargetErrors: ``NotFound``, ``DiskFull``, ``StateTooNew``, ....
    """

    def __init__(self, root: Path | None = None, options: LocalOptions | None = None) -> None:
        self.directory = StateDirectory(root)
        self._options = options or LocalOptions()

    def apply(
        self,
        workspace: Workspace,
        plan: Plan,
        *,
        base_directory: Path | None = None,
        config_files: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Change:
        """Have ``workspace`` carried out as ``plan`` says; returns at once.

        A plan recorded for the same ``inputs`` stays, unless it failed. What failed or was stopped is taken up again.

        Raises:
            NotYet: it is being deleted.
            TargetError: the disk refuses.
        """
        state = self._state(workspace.namespace, workspace.name)
        wanted = Request(
            workspace=workspace.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"status"}),
            generation=1,
            created_at=rfc3339(datetime.now(UTC)),
            base_directory=str((base_directory or Path.cwd()).absolute()),
            config_files=config_files or {},
            options=self._options,
            secrets=given_secrets(plan, os.environ),
        )
        if lacks_secrets(state.read_request(), wanted):
            self.stop(workspace.namespace, workspace.name)
        with FileLock(state.apply_lock):
            change = record(state, wanted, plan)
            self._supervise(state)
        return change

    def rollout(self, namespace: str, name: str, plan: Plan) -> Change:
        """Move what runs to ``plan``, made now from what the user wrote; a finished tuning stays finished.

        Raises:
            TargetError: ``NotFound``, or the disk refuses.
        """
        state = self._state(namespace, name)
        with FileLock(state.apply_lock):
            self._request(namespace, name)
            change = roll_out(state, plan)
            self._supervise(state)
        return change

    def get(self, namespace: str, name: str) -> Workspace:
        """The Workspace with its status."""
        request = self._request(namespace, name)
        return request.parsed().model_copy(update={"status": self._state(namespace, name).read_status()})

    def list(self, namespace: str | None = None) -> Iterator[Workspace]:
        """All Workspaces, or those of one namespace, by namespace and name.

        Raises:
            TargetError: the state of one cannot be read; after all others were given.
        """
        unreadable: TargetError | None = None
        for state in self.directory.workspaces(namespace):
            try:
                yield self.get(state.namespace, state.name)
            except TargetError as error:
                if error.reason != "NotFound":
                    unreadable = unreadable or error
        if unreadable is not None:
            raise unreadable

    def base_directory(self, namespace: str, name: str) -> Path:
        """Where relative paths and config files of the Workspace started from when it was applied."""
        return Path(self._request(namespace, name).base_directory)

    def recorded_plan(self, namespace: str, name: str) -> Plan | None:
        """The plan that is being carried out."""
        self._request(namespace, name)
        return self._state(namespace, name).read_plan()

    def watch(self, namespace: str, name: str) -> Iterator[Workspace]:
        """The Workspace now and after each change of its status, until it is deleted.

        A status from before the latest apply is not shown. A supervisor that is lost meanwhile is replaced.
        """
        seen: WorkspaceStatus | None = None
        while True:
            try:
                found = self.get(namespace, name)
            except TargetError as error:
                if error.reason != "NotFound":
                    raise
                return
            status = found.status
            if status is not None and status != seen and status.observed_generation == found.metadata.generation:
                seen = status
                yield found
            self._sleep_until_changed(namespace, name)

    def wait(self, namespace: str, name: str, condition: str, timeout_s: float | None = None) -> None:
        """Return once ``condition`` (``Ready``, ``Ready=False``) holds, or with ``delete`` once it is gone.

        A supervisor that is lost meanwhile is replaced.

        Raises:
            NotYet: not within ``timeout_s``.
            TargetError: ``NotFound``, or it is stalled, with the root cause.
            ConfigError: it is stalled, and only the user can mend that.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        watchman = Watchman(lambda: self._repair(self._state(namespace, name)))
        while not self._holds(namespace, name, condition):
            watchman.look()
            if until is not None and time.monotonic() >= until:
                raise NotYet(f"{namespace}/{name}: {condition} does not hold after {timeout_s:g} s")
            time.sleep(POLL_S)

    def delete(self, namespace: str, name: str, *, wait: bool = True, timeout_s: float | None = None) -> None:
        """End its processes and forget it.

        Raises:
            TargetError: ``NotFound``.
            NotYet: its processes did not end within ``timeout_s``.
        """
        state = self._state(namespace, name)
        supervisor = FileLock(state.supervisor_lock)
        with FileLock(state.apply_lock):
            if not self._mark_deleted(state):
                return
            supervisor.open()
            self._supervise(state)
        if wait:
            self.wait(namespace, name, "delete", timeout_s)
            supervisor.take(wait_s=timeout_s)
        supervisor.free()

    def stop(self, namespace: str, name: str, *, timeout_s: float | None = None) -> None:
        """End its processes and keep everything else; applying it again goes on from there.

        Raises:
            TargetError: ``NotFound``.
            NotYet: its processes did not end within ``timeout_s``.
        """
        state = self._state(namespace, name)
        with FileLock(state.apply_lock):
            request = self._request(namespace, name)
            state.write_request(replace(request, stopped=True))
            wake(state.wake)
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while is_supervised(state):
            if until is not None and time.monotonic() >= until:
                raise NotYet(f"{namespace}/{name} still runs after {timeout_s:g} s")
            time.sleep(POLL_S)

    def logs(self, namespace: str, name: str, *, following: bool = False, stage: str | None = None) -> Iterator[str]:
        """Lines of its processes in order, as they come where ``following``; ``stage`` is a role, a process or both."""
        self._request(namespace, name)
        state = self._state(namespace, name)
        return follow(lambda: log_files(state.logs, stage), lambda: following and is_supervised(state))

    def output_of(self, namespace: str, name: str, launch: Launch) -> str:
        """What the main process of ``launch`` prints, run now to its end with this Workspace's volumes.

        Raises:
            TargetError: ``NotFound``, or the process fails.
        """
        request = self._request(namespace, name)
        return output_of(place_of(self._state(namespace, name), request), launch)

    def repair(self) -> tuple[tuple[str, str], ...]:
        """Take up every Workspace whose supervisor is lost; namespace and name of those.

        Leftovers of the lost one end before anything is started. Returns once their status tells the present again.
        """
        before = [(state, _modified(state.status_file)) for state in self.directory.workspaces()]
        repaired = [(state, modified) for state, modified in before if self._repair(state)]
        until = time.monotonic() + REPAIR_S
        for state, modified in repaired:
            while state.exists and _modified(state.status_file) == modified and time.monotonic() < until:
                time.sleep(POLL_S)
        return tuple((state.namespace, state.name) for state, _ in repaired)

    def _repair(self, state: WorkspaceState) -> bool:
        if is_supervised(state):
            return False
        try:
            request, runs = state.read_request(), state.read_runs()
        except TargetError:
            return False
        if request is None:
            return False
        if request.stopped and not request.deleting:
            end_all(runs, place_of(state, request).mark)
            return False
        if runs is not None and runs.settled and runs.generation == request.generation and not request.deleting:
            return False
        with FileLock(state.apply_lock):
            self._supervise(state)
        return True

    def _supervise(self, state: WorkspaceState) -> None:
        """Wake the supervisor, or start one; under the apply lock, so that none ends unseen in between."""
        if is_supervised(state):
            wake(state.wake)
        else:
            start_supervisor(state)

    def _mark_deleted(self, state: WorkspaceState) -> bool:
        """Record the wish; False where its files are such that no supervisor could carry it out, and it is gone now."""
        try:
            request = self._request(state.namespace, state.name)
        except TargetError as error:
            if error.reason != "StateUnreadable":
                raise
            tear_down(state)
            return False
        state.write_request(replace(request, deleting=True, stopped=False))
        return True

    def _holds(self, namespace: str, name: str, condition: str) -> bool:
        if condition == "delete":
            return not self._state(namespace, name).exists
        found = self.get(namespace, name)
        status = found.status
        if status is None or status.observed_generation != found.metadata.generation:
            return False
        return holds(status, condition, f"{namespace}/{name}")

    def _sleep_until_changed(self, namespace: str, name: str) -> None:
        file = self._state(namespace, name).status_file
        before = _modified(file)
        watchman = Watchman(lambda: self._repair(self._state(namespace, name)))
        while _modified(file) == before and file.parent.exists():
            watchman.look()
            time.sleep(POLL_S)

    def _state(self, namespace: str, name: str) -> WorkspaceState:
        return self.directory.workspace(namespace, name)

    def _request(self, namespace: str, name: str) -> Request:
        found = self._state(namespace, name).read_request()
        if found is None:
            raise TargetError(
                f"workspace {name!r} is not there in namespace {namespace!r}",
                hint="`llmwright get` lists those that are",
                reason="NotFound",
            )
        return found


def _modified(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
