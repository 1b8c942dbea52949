"""A server for a short time, outside of any Workspace: it ends with the block, or with this process."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from llmwright.errors import NotYet, TargetError
from llmwright.targets.local.launch.context import Place
from llmwright.targets.local.launch.run_transitions import begin
from llmwright.targets.local.launch.runner import Runner
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.process.leftovers import end_all
from llmwright.values.launch import Launch

STEP_S = 0.05


@contextmanager
def ephemeral(
    launch: Launch,
    options: LocalOptions | None = None,
    *,
    base_directory: Path | None = None,
    config_files: Mapping[str, Mapping[str, str]] | None = None,
    timeout_s: float = 600.0,
) -> Iterator[str]:
    """Run the serving ``launch`` and yield its endpoint (``http://127.0.0.1:PORT``) once it is ready.

    Its scratch volumes are temporary. To be used in the main thread: on Linux the server ends with that thread. The
    server is ended on the way out, whatever happened in the block.

    Raises:
        TargetError: it does not start; the message is its last line.
        NotYet: it is not ready after ``timeout_s``.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("a server that ends with its parent must be started in the main thread")
    options = options or LocalOptions()
    with tempfile.TemporaryDirectory(prefix="llmwright-") as folder, ThreadPoolExecutor(1) as pool:
        place = Place(
            volumes=Path(folder) / "volumes",
            mark=folder,
            host=options.host,
            base_directory=base_directory or Path.cwd(),
            config_files=config_files or {},
            docker_config=options.docker_config,
        )
        place.volumes.mkdir()
        runner = _runner(launch, place, options, Path(folder), pool)
        try:
            yield _ready(runner, time.monotonic() + timeout_s)
        finally:
            try:
                _end(runner)
            finally:
                end_all(None, place.mark)
                place.clear()


def _runner(launch: Launch, place: Place, options: LocalOptions, logs: Path, pool: ThreadPoolExecutor) -> Runner:
    run = begin("serving", launch, launch.digest, "", datetime.now(UTC))

    def submit(check: object) -> Future[bool]:
        return pool.submit(check)  # type: ignore[arg-type]

    return Runner(run, place, options, logs, {}, submit, lambda: None)


def _ready(runner: Runner, until: float) -> str:
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


def _end(runner: Runner) -> None:
    runner.stop()
    while not runner.gone:
        runner.step()
        time.sleep(STEP_S)
