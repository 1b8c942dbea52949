"""The local target, as the command line and the Python API use it."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from llmwright.api.label_selector import label_selector
from llmwright.api.workspace import Workspace
from llmwright.errors import ConfigError, TargetError
from llmwright.lifecycle.conditions import rfc3339
from llmwright.targets.local.launch.context import LaunchContext
from llmwright.targets.local.launch.one_shot import run_one_shot
from llmwright.targets.local.launch.process_environment import secrets_at_hand
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.process.log_files import SUPERVISOR, follow, log_files
from llmwright.targets.local.stop_and_delete import delete, stop
from llmwright.targets.local.store.applied_workspace import AppliedWorkspace
from llmwright.targets.local.store.changes import Change, brings_new_secrets, record_apply, record_rollout, record_start
from llmwright.targets.local.store.locks import FileLock
from llmwright.targets.local.store.state_directory import StateDirectory
from llmwright.targets.local.store.workspace_store import WorkspaceStore
from llmwright.targets.local.supervisor.repair import repair
from llmwright.targets.local.supervisor.start import ensure_supervisor, is_supervised
from llmwright.targets.local.watch import poll_until, wait_for, watch
from llmwright.targets.workspace_target import Child, Tell
from llmwright.values.launch import Launch
from llmwright.values.plan import Plan
from llmwright.values.same_place import SamePlace
from llmwright.values.url_secrets import URLS_VARIABLE, url_secrets, without_url_secrets

log = logging.getLogger(__name__)

REPAIR_S = 15.0
"""How long ``repair`` waits for the new supervisors' first status; without it, the command goes on."""


POLL_S = 0.25
"""How often the files are read anew for `changes`."""


class LocalTarget:
    """Workspaces of this machine, in the state directory ``root``.

    Change one with ``apply``, ``rollout``, ``stop`` and ``delete``; read with ``get``, ``list``, ``recorded_plan``,
    ``base_directory`` and ``logs``; follow with ``watch`` and ``wait``. Several commands may call any method at once.
    No method leaves anything running in this process: supervisors are processes of their own.

    A method on one Workspace raises TargetError ``NotFound`` where there is none, and ``StateUnreadable``,
    ``StateTooNew``, ``DiskFull`` or ``StateNotWritable`` where its files cannot be read or written. ``reached`` is how
    its user reaches it, for the commands that messages propose.
    """

    def __init__(
        self, root: Path | None = None, options: LocalOptions | None = None, reached: SamePlace | None = None
    ) -> None:
        self.directory = StateDirectory(root, reached)
        self._options = options or LocalOptions()

    @property
    def place(self) -> str:
        """This machine, by the directory of its Workspaces."""
        return f"this machine, {self.directory.root}"

    @property
    def namespace(self) -> str:
        """The namespace that is meant where none is named."""
        return "default"

    def apply(
        self,
        workspace: Workspace,
        plan: Plan,
        *,
        base_directory: Path | None = None,
        config_files: Mapping[str, Mapping[str, str]] | None = None,
    ) -> Change:
        """Record ``workspace`` and have it carried out as ``plan`` has decided; return at once.

        A plan recorded for the same ``inputs`` stays, unless it failed. A Workspace that failed or was stopped is tried
        again. Relative paths start at ``base_directory``, by default the working directory. Secrets in the URLs of a
        data set are handed to the supervisor in its environment, and recorded nowhere.

        Raises:
            NotYet: it is being deleted.
        """
        store = self.directory.workspace(workspace.namespace, workspace.name)
        secret_urls = url_secrets(workspace)
        environ = {**os.environ, **({URLS_VARIABLE: secret_urls} if secret_urls else {})}
        wanted = AppliedWorkspace(
            # Only the fields that the user wrote: a default that changes with a version is no change of the user's.
            workspace=without_url_secrets(workspace).model_dump(
                mode="json", by_alias=True, exclude_unset=True, exclude={"status"}
            ),
            generation=1,
            created_at=rfc3339(datetime.now(UTC)),
            base_directory=str((base_directory or Path.cwd()).absolute()),
            config_files=config_files or {},
            options=self._options,
            secrets=secrets_at_hand(plan, environ),
        )
        if brings_new_secrets(store.read_applied(), wanted):
            # A supervisor keeps the environment of its start, so only a new one can hand a new secret on.
            stop(store)
        with FileLock(store.apply_lock):
            # Recorded before the supervisor is woken: it would read the old files, and wait again.
            change = record_apply(store, wanted, plan)
            ensure_supervisor(store, environ)
        return change

    def rollout(self, namespace: str, name: str, plan: Plan) -> Change:
        """Move what runs to ``plan``, made now from the same inputs; a finished tuning stays finished."""
        store = self.directory.workspace(namespace, name)
        with FileLock(store.apply_lock):
            store.require_applied()
            change = record_rollout(store, plan)
            ensure_supervisor(store)
        return change

    def stop(self, namespace: str, name: str, *, timeout_s: float | None = None) -> Change:
        """End its processes and keep everything else; ``start`` or the next ``apply`` goes on from there.

        Raises:
            NotYet: its processes did not end within ``timeout_s``.
        """
        store = self.directory.workspace(namespace, name)
        runs = not store.require_applied().stopped
        stop(store, timeout_s)
        return "configured" if runs else "unchanged"

    def start(self, namespace: str, name: str) -> Change:
        """Go on where ``stop`` ended it, with the recorded plan and the secrets of this environment.

        Raises:
            NotYet: it is being deleted.
        """
        store = self.directory.workspace(namespace, name)
        with FileLock(store.apply_lock):
            change = record_start(store)
            ensure_supervisor(store)
        return change

    def restart(self, namespace: str, name: str) -> Change:
        """End its processes and start them anew."""
        self.stop(namespace, name)
        return self.start(namespace, name)

    def delete(
        self,
        namespace: str,
        name: str,
        *,
        wait: bool = True,
        timeout_s: float | None = None,
        force: bool = False,
        tell: Tell = lambda _: None,
    ) -> None:
        """End its processes and remove it; with ``force`` at once, and what its provisioner holds is left behind.

        ``tell`` takes a line, after 2 s and when it changes, about what is waited for.

        Raises:
            TargetError: ``NotReleased``: its nodes could not be given back, and it stays, to be deleted once more.
            NotYet: its processes did not end within ``timeout_s``.
        """
        store = self.directory.workspace(namespace, name)
        delete(store, wait=wait, timeout_s=timeout_s, force=force, tell=tell)

    def get(self, namespace: str, name: str) -> Workspace:
        """Return the Workspace with its status."""
        return self.directory.workspace(namespace, name).read_workspace()

    def list(self, namespace: str | None = None, selector: str = "") -> Iterator[Workspace]:
        """Iterate over the Workspaces with these labels, all or those of one namespace, by namespace and name.

        Raises:
            TargetError: the files of one cannot be read; raised after all others.
        """
        unreadable: TargetError | None = None
        matches = label_selector(selector)
        for store in self.directory.workspaces(namespace):
            try:
                workspace = store.read_workspace()
            except TargetError as error:
                if error.reason != "NotFound":
                    unreadable = unreadable or error
            else:
                if matches(workspace.metadata.labels):
                    yield workspace
        if unreadable is not None:
            raise unreadable

    def names(self, namespace: str | None = None, selector: str = "") -> Iterator[tuple[str, str]]:
        """Iterate over namespace and name of all Workspaces, or those of one namespace, damaged ones too.

        With a ``selector`` only of those whose labels can be read.
        """
        if selector:
            yield from ((each.namespace, each.name) for each in self.list(namespace, selector))
            return
        for store in self.directory.workspaces(namespace):
            yield store.namespace, store.name

    def recorded_plan(self, namespace: str, name: str) -> Plan | None:
        """Return the plan that is being carried out."""
        store = self.directory.workspace(namespace, name)
        store.require_applied()
        return store.read_plan()

    def base_directory(self, namespace: str, name: str) -> Path:
        """Return where relative paths and config files of the Workspace started when it was applied."""
        return Path(self.directory.workspace(namespace, name).require_applied().base_directory)

    def watch(self, namespace: str, name: str, timeout_s: float | None = None) -> Iterator[Workspace]:
        """Iterate over the Workspace now and after each change of its status, until it is deleted.

        A status from before the latest apply is left out. A supervisor that is lost meanwhile is replaced.

        Raises:
            NotYet: it is still there after ``timeout_s``.
        """
        return watch(self.directory.workspace(namespace, name), timeout_s)

    def wait(self, namespace: str, name: str, condition: str, timeout_s: float | None = None) -> None:
        """Return once ``condition`` (``Ready``, ``Ready=False``) holds, or with ``delete`` once it is gone.

        A supervisor that is lost meanwhile is replaced.

        Raises:
            NotYet: not within ``timeout_s``.
            TargetError: it is stalled, with the root cause.
            ConfigError: it is stalled, and only the user can mend that.
        """
        wait_for(self.directory.workspace(namespace, name), condition, timeout_s)

    def changes(self, namespace: str | None = None, selector: str = "") -> Iterator[Workspace]:
        """Iterate without end over the Workspaces with these labels as they are, and after each change."""
        seen: dict[tuple[str, str], Workspace] = {}
        while True:
            for workspace in self.list(namespace, selector):
                key = workspace.namespace, workspace.name
                if seen.get(key) != workspace:
                    seen[key] = workspace
                    yield workspace
            time.sleep(POLL_S)

    def logs(
        self,
        namespace: str,
        name: str,
        *,
        following: bool = False,
        stage: str | None = None,
        previous: bool = False,
    ) -> Iterator[str]:
        """Return the lines of its processes in order, with ``following`` also those still to come.

        ``stage`` chooses a role (``tuning``), a process (``fetch``) or both (``tuning.fetch``).

        Raises:
            ConfigError: ``previous``: one file has the lines of all runs.
        """
        if previous:
            hint = "leave out --previous: earlier runs stand before the present one"
            raise ConfigError("on this machine a process has one log for all its runs", hint=hint)
        store = self.directory.workspace(namespace, name)
        store.require_applied()
        return follow(lambda: log_files(store.logs, stage), lambda: following and is_supervised(store))

    def events(self, namespace: str, name: str) -> Iterator[str]:
        """Iterate over what its supervisor wrote of it."""
        return self.logs(namespace, name, stage=SUPERVISOR)

    def children(self, namespace: str, name: str) -> tuple[Child, ...]:
        """Return nothing: its processes are no objects."""
        self.directory.workspace(namespace, name).require_applied()
        return ()

    def output_of(self, namespace: str, name: str, launch: Launch) -> str:
        """Run the main process of ``launch`` to its end with this Workspace's volumes, and return what it prints.

        Raises:
            TargetError: the process fails.
        """
        store = self.directory.workspace(namespace, name)
        return run_one_shot(LaunchContext.of_workspace(store, store.require_applied()), launch)

    def repair(self) -> tuple[tuple[str, str], ...]:
        """Replace every supervisor that is lost; return namespace and name of these Workspaces.

        It waits until each new supervisor has written a status, 15 s at most.
        """
        # Read before any supervisor starts: its first status would be taken for an old one otherwise.
        stores = [(store, store.status_written_at()) for store in self.directory.workspaces()]
        repaired = [(store, before) for store, before in stores if _repair_if_possible(store)]
        poll_until(
            lambda: all(not store.exists or store.status_written_at() != before for store, before in repaired), REPAIR_S
        )
        return tuple((store.namespace, store.name) for store, _ in repaired)


def _repair_if_possible(store: WorkspaceStore) -> bool:
    try:
        return repair(store)
    except TargetError as error:
        # A disk that refuses: what is there can still be read, and nothing in it is called ready.
        log.warning("%s", error.message)
        return False
