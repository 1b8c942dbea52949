"""A server outside of any Workspace, which ends with a ``with`` block or with this process."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from llmwright.errors import NotYet, TargetError
from llmwright.targets.local.launch.context import LaunchContext
from llmwright.targets.local.launch.run_transitions import new_run
from llmwright.targets.local.launch.runner import RoleRunner
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.process.leftovers import end_leftovers
from llmwright.values.launch import Launch

STEP_S = 0.05


@contextmanager
def temporary_server(
    launch: Launch,
    options: LocalOptions | None = None,
    *,
    base_directory: Path | None = None,
    config_files: Mapping[str, Mapping[str, str]] | None = None,
    timeout_s: float = 600.0,
) -> Iterator[str]:
    """Run the serving ``launch`` and yield its endpoint (``http://127.0.0.1:PORT``) once it is ready.

    Its scratch volumes are temporary. The server is ended with the block, also where that raises. Use it in the main
    thread: on Linux the server ends with the thread that started it.

    Raises:
        TargetError: it does not start; the message is its last line.
        NotYet: it is not ready after ``timeout_s``.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a server that ends with its parent must be started in the main thread")
    options = options or LocalOptions()
    with tempfile.TemporaryDirectory(prefix="llmwright-") as folder, ThreadPoolExecutor(1) as pool:
        context = LaunchContext.of(
            options,
            scratch=Path(folder) / "volumes",
            mark=folder,
            base_directory=base_directory or Path.cwd(),
            config_files=config_files or {},
        )
        context.volumes.scratch.mkdir()
        runner = _runner(launch, context, options, Path(folder), pool)
        try:
            yield _ready_endpoint(runner, time.monotonic() + timeout_s)
        finally:
            try:
                _stop(runner)
            finally:
                # What the server started outside of its process group.
                end_leftovers(None, context.mark)
                context.volumes.free_memory()


def _runner(
    launch: Launch, context: LaunchContext, options: LocalOptions, logs: Path, pool: ThreadPoolExecutor
) -> RoleRunner:
    def submit(check: Callable[[], bool]) -> Future[bool]:
        return pool.submit(check)

    run = new_run("serving", launch, launch.digest, "", datetime.now(UTC))
    return RoleRunner(run, context, options, logs, {}, submit, lambda: None)


def _ready_endpoint(runner: RoleRunner, until: float) -> str:
    while True:
        runner.step()
        run = runner.run
        if run.phase == "ready" and runner.endpoint is not None:
            return runner.endpoint
        if run.phase == "failed" or run.failures > 1:
            raise TargetError(f"the server does not start: {run.message}", reason=run.reason)
        if time.monotonic() >= until:
            raise NotYet(f"the server {run.process.name} is not ready in time")
        time.sleep(STEP_S)


def _stop(runner: RoleRunner) -> None:
    runner.stop()
    while not runner.stopped:
        runner.step()
        time.sleep(STEP_S)
