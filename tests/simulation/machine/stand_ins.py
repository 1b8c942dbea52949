"""What stands between the real supervisor and the simulated machine: signals, psutil, ports, locks, the disk."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import psutil
from tests.simulation.machine.process_table import FIRST_PORT, ProcessTable, Simulated

from llmwright.api.status import WorkspaceStatus
from llmwright.errors import TargetError
from llmwright.plugins.drivers import Context
from llmwright.provisioners.local import LocalProvisioner
from llmwright.targets.local import stop_and_delete, target
from llmwright.targets.local.launch import runner
from llmwright.targets.local.process import leftovers, ports
from llmwright.targets.local.store import json_records, locks, workspace_store
from llmwright.targets.local.store.applied_workspace import AppliedWorkspace
from llmwright.targets.local.store.private_files import open_in_place
from llmwright.targets.local.store.state_directory import StateDirectory
from llmwright.targets.local.store.supervisor_record import SupervisorRecord
from llmwright.targets.local.supervisor import event_wait, loop, repair, roles, start, status_writer
from llmwright.testing.simulation.stand_ins import in_place_of_the_real
from llmwright.testing.simulation.timeline import Timeline
from llmwright.values.plan import Plan

__all__ = ["Machine", "event_wait", "repair", "target"]


@dataclass
class Refusals:
    """What the disk refuses, and how often a process is killed at a step."""

    full: bool = False
    killed: float = 0.0


class Future:
    """Stands for ``concurrent.futures.Future``."""

    def __init__(self) -> None:
        self._done, self._result = False, False
        self._callbacks: list[Callable[[Any], object]] = []

    def done(self) -> bool:
        return self._done

    def result(self) -> bool:
        return self._result

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        self._callbacks.append(callback)

    def resolve(self, result: bool) -> None:
        self._done, self._result = True, result
        for callback in self._callbacks:
            callback(self)


class Pool:
    """Stands for ``ThreadPoolExecutor``: each work is a thread of its own, of the process that submits it."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future:
        future = Future()
        self._timeline.spawn(lambda: future.resolve(bool(work(*arguments))), "pool")
        return future

    def shutdown(self, wait: bool = True, cancel_futures: bool = False) -> None:
        """End nothing: the threads end with their process."""


class EventWait:
    """Stands for the supervisor's wait for signals, wakes and probes."""

    def __init__(self, machine: Machine, pipe: Path) -> None:
        self._machine, self._woken, self.ending = machine, False, False
        machine.waits[pipe] = self

    def wait(self, seconds: float | None) -> None:
        self._machine.step()
        self._machine.timeline.wait(lambda: self._woken, seconds)
        self._woken = False

    def wake(self, *_: object) -> None:
        self._woken = True


class Process:
    """Stands for ``psutil.Process``."""

    def __init__(self, table: ProcessTable, process: Simulated) -> None:
        self._table, self._process, self.pid = table, process, process.pid

    def environ(self) -> dict[str, str]:
        return dict(self._process.env)

    def cmdline(self) -> list[str]:
        return list(self._process.argv)

    def create_time(self) -> float:
        return self._process.created

    def status(self) -> str:
        return psutil.STATUS_RUNNING if self._process.code is None else psutil.STATUS_ZOMBIE

    def kill(self) -> None:
        self._table.signal(self._process, 9)

    def has_ended(self) -> bool:
        return self._process.code is not None


class Child:
    """Stands for ``process.child.Child``."""

    def __init__(self, machine: Machine, process: Simulated) -> None:
        self._machine, self._process = machine, process
        self.pid, self.created = process.pid, process.created

    def _group(self) -> list[Simulated]:
        return [process for process in self._machine.table.alive() if process.group == self.pid]

    def exit_code(self) -> int | None:
        if self._process.code is not None:
            self.signal(9)
        return self._process.code

    def signal(self, number: int) -> None:
        for process in self._group():
            self._machine.table.signal(process, number)


@dataclass
class Machine:
    """The simulated machine below one state directory."""

    root: Path
    timeline: Timeline
    table: ProcessTable
    refusals: Refusals = field(default_factory=Refusals)
    waits: dict[Path, EventWait] = field(default_factory=dict)
    writes: int = 0
    inherited: dict[int, locks.FileLock] = field(default_factory=dict)
    held: list[tuple[str, locks.FileLock]] = field(default_factory=list)

    # Processes with Python code of ours: supervisors and commands.

    def run(self, argv: tuple[str, ...], work: Callable[[], object], name: str) -> Simulated:
        """Run ``work`` as a process of its own, which can be killed at every step."""
        process = self.table.add(argv, {})
        process.threads = f"{name} {process.pid} of {self.table.boot}"

        def main() -> None:
            try:
                work()
            except Exception as error:
                self.table.troubles.append(f"{name} broke: {type(error).__name__}: {error}")
            finally:
                if not process.killed:
                    self.table.end(process, 0, at_once=True)
                    self.free_locks()

        self.timeline.spawn(main, name, process.threads)
        return process

    def current(self) -> Simulated | None:
        """Return the process whose code runs now."""
        task = self.timeline._current
        group = task.group if task is not None else ""
        return next((process for process in self.table.alive() if process.threads == group), None)

    def step(self) -> None:
        """Let others go first, or let this process be killed here."""
        process = self.current()
        if process is None:
            return
        if self.timeline.random.random() < self.refusals.killed:
            self.kill(process)
            self.timeline.wait(lambda: False, None)
        self.timeline.pause()

    def kill(self, process: Simulated) -> None:
        """End a process as SIGKILL does."""
        self.table.end(process, -9, at_once=True)
        self.free_locks()

    def free_locks(self) -> None:
        """Close the files of processes that have ended, as the kernel does."""
        alive = {process.threads for process in self.table.alive() if process.runs}
        for group, lock in self.held:
            if group not in alive and lock._handle is not None:
                os.close(lock._handle)
                lock._handle = None
        self.held = [(group, lock) for group, lock in self.held if lock._handle is not None]

    @contextmanager
    def going(self) -> Iterator[None]:
        """Have the local target use this machine."""
        # pydantic reads the types of the records once, and must find the real datetime then.
        for kind in (AppliedWorkspace, Plan, WorkspaceStatus, SupervisorRecord):
            workspace_store._adapter(kind)
        with ExitStack() as stack:
            stack.enter_context(
                in_place_of_the_real(self.timeline, lambda name: name.startswith("llmwright.targets.local"))
            )
            for module, name, stand_in in self._stand_ins():
                stack.enter_context(mock.patch.object(module, name, stand_in))
            yield

    def _stand_ins(self) -> Iterator[tuple[Any, str, Any]]:
        yield (
            locks,
            "fcntl",
            SimpleNamespace(flock=self._flock, LOCK_EX=fcntl.LOCK_EX, LOCK_NB=fcntl.LOCK_NB, LOCK_SH=fcntl.LOCK_SH),
        )
        yield locks.FileLock, "open", self._opening(locks.FileLock.open)
        yield json_records, "_replace", self._replacing(json_records._replace)
        yield loop, "FileLock", self._lock
        yield loop, "EventWait", lambda pipe: EventWait(self, pipe)
        yield loop, "ThreadPoolExecutor", lambda **_: Pool(self.timeline)
        yield status_writer, "ThreadPoolExecutor", lambda **_: Pool(self.timeline)
        yield start, "wake_supervisor", self._wake
        yield stop_and_delete, "wake_supervisor", self._wake
        yield start, "subprocess", SimpleNamespace(run=self._start, DEVNULL=-3, CalledProcessError=OSError)
        yield runner, "spawn", self._spawn
        yield runner, "passes", self._passes
        yield runner, "is_strangers", self._is_strangers
        yield runner, "out_of_memory_kills", lambda: 0
        yield ports, "is_free", lambda _, port: self.table.owner(port) is None
        yield ports, "free_port", self._free_port
        yield leftovers, "psutil", self._psutil()
        yield leftovers, "os", SimpleNamespace(getpid=self._pid, getpgid=self._group_of)
        yield leftovers, "boot_id", lambda: self.table.boot
        yield roles, "boot_id", lambda: self.table.boot

    def _flock(self, handle: int, operation: int) -> None:
        while True:
            try:
                fcntl.flock(handle, operation | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if operation & fcntl.LOCK_NB:
                    raise
            self.timeline.pause(0.01)

    def _opening(self, before: Callable[[locks.FileLock], None]) -> Callable[[locks.FileLock], None]:
        def open_lock(lock: locks.FileLock) -> None:
            self.step()
            before(lock)
            process = self.current()
            if process is not None and lock not in [held for _, held in self.held]:
                self.held.append((process.threads, lock))

        return open_lock

    def _replacing(self, before: Callable[[Path, bytes, bool], None]) -> Callable[[Path, bytes, bool], None]:
        def replace(path: Path, content: bytes, durable: bool) -> None:
            self.step()
            self.writes += 1
            if self.refusals.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            before(path, content, durable)
            self.step()

        return replace

    def _wake(self, pipe: Path) -> None:
        if pipe in self.waits:
            self.waits[pipe].wake()

    def _start(self, command: list[str], *, pass_fds: tuple[int, ...] = (), **_: Any) -> None:
        self.step()
        argv = tuple(command[4:])
        namespace, name, state = argv[4], argv[5], argv[7]
        handle = os.dup(pass_fds[0]) if pass_fds else None
        store = StateDirectory(Path(state)).workspace(namespace, name)

        process = self.run(argv, lambda: loop.supervise(store, lambda _: Plugins(self.timeline), handle), "supervisor")
        if handle is not None:
            # Held from the first moment on: one that is killed before its first line frees it all the same.
            self.inherited[handle] = locks.FileLock(store.supervisor_lock, handle)
            self.held.append((process.threads, self.inherited[handle]))

    def _lock(self, path: Path, handle: int | None = None) -> locks.FileLock:
        return locks.FileLock(path) if handle is None else self.inherited.pop(handle)

    def _spawn(self, argv: tuple[str, ...], env: Any, log: Path, directory: Path, umask: int) -> Child:
        self.step()
        os.close(open_in_place(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT))
        supervisor = self.current()
        process = self.table.add(argv, env, parent=supervisor.pid if supervisor else 0)
        process.log = log
        self.table.begin(process)
        self.step()
        return Child(self, process)

    def _passes(self, check: Any, timeout_s: float, address: str, numbers: Any, env: Any) -> bool:
        self.timeline.pause(self.timeline.random.uniform(0.0, 0.2))
        return self.table.owner(numbers["http"]) is not None

    def _is_strangers(self, port: int, mark: str) -> bool:
        owner = self.table.owner(port)
        return owner is not None and owner.mark != mark

    def _free_port(self, host: str, within: Any = None) -> int:
        taken = {process.port for process in self.table.alive()}
        number = next((port for port in range(FIRST_PORT, FIRST_PORT + 1000) if port not in taken), None)
        if number is None:
            raise TargetError("no port", reason="NoFreePort")
        return number + self.timeline.random.randrange(50)

    def _psutil(self) -> Any:
        def wait_procs(processes: list[Process], timeout: float) -> tuple[list[Process], list[Process]]:
            self.timeline.wait(lambda: all(process.has_ended() for process in processes), timeout)
            self.free_locks()
            return [], [process for process in processes if not process.has_ended()]

        return SimpleNamespace(
            Error=psutil.Error,
            NoSuchProcess=psutil.NoSuchProcess,
            STATUS_ZOMBIE=psutil.STATUS_ZOMBIE,
            Process=self._process,
            process_iter=lambda: [Process(self.table, process) for process in self.table.alive()],
            wait_procs=wait_procs,
        )

    def _process(self, pid: int) -> Process:
        process = self.table.processes.get(pid)
        if process is None or process.code is not None:
            raise psutil.NoSuchProcess(pid)
        return Process(self.table, process)

    def _pid(self) -> int:
        process = self.current()
        return process.pid if process is not None else 1

    def _group_of(self, pid: int) -> int:
        process = self.table.processes.get(pid)
        if process is None or process.code is not None:
            raise ProcessLookupError(pid)
        return process.group


class Plugins:
    """The plugins of a supervisor: this machine as the provisioner, and no observers."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline

    def provisioner(self, name: str) -> LocalProvisioner:
        return LocalProvisioner(Context(clock=self._timeline.datetime, settings={}))

    def status_changed(self, *_: object) -> None:
        """Nobody observes."""
