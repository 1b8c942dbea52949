"""A Ray cluster of this machine alone, which lives as long as this process."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
import shutil
import tempfile
from pathlib import Path

import psutil

from llmwright.errors import TargetError
from llmwright_runtime_ray.command_line import ENVIRONMENT
from llmwright_runtime_ray.serve import loopback

_log = logging.getLogger("llmwright.serve")
OBJECT_STORE_BYTES = 80 * 1024**2
"""Requests and answers travel in messages; the store is hardly used, and Ray takes no less."""
_LONGEST_PATH = 40
"""Characters of the directory: below it Ray makes sockets, whose paths have 107 at most."""
_TRIES = 3
_LOG_BYTES = 4096
_VITAL = ("gcs_server", "raylet")


def prepare_environment() -> None:
    """Set the variables that Ray reads at its import, for this process and all that it starts."""
    os.environ.update({**ENVIRONMENT, **loopback.ENVIRONMENT})
    # A token of this cluster alone: else Ray writes one into the home directory, and all clusters of the user share it.
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    os.environ.setdefault("RAY_COLOR_PREFIX", "0")
    # Its own 5 s are too few for a proxy on a busy machine.
    os.environ.setdefault("RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S", "60")


def start(state: Path | None, cpus: float, gpus: float) -> None:
    """Start the cluster. Files of earlier ones in ``state`` are removed. Raises TargetError."""
    import ray

    directory = _directory(state)
    for left in reversed(range(_TRIES)):
        try:
            _start_once(directory, cpus, gpus)
            return
        # Ray waits 30 s for its own processes, whatever else the machine does, and raises a bare Exception.
        except Exception as error:
            ray.shutdown()
            if not left:
                raise TargetError(f"Ray could not be started: {error}", hint="its logs lie in the state") from error
            _log.warning("Ray did not start, it is tried again: %s", error)


def _start_once(directory: Path, cpus: float, gpus: float) -> None:
    import ray

    ray.init(
        address="local",
        include_dashboard=False,
        num_cpus=cpus,
        num_gpus=gpus,
        object_store_memory=OBJECT_STORE_BYTES,
        _temp_dir=str(directory),
        log_to_driver=True,
        logging_level="warning",
        namespace="llmwright",
    )


def check() -> None:
    """Raise TargetError once a process without which there is no cluster has ended, with its last words."""
    import ray

    node = ray._private.worker._global_node
    for kind, process in node.dead_processes():
        if kind in _VITAL:
            words = _last_line(Path(node.get_logs_dir_path()), kind)
            raise TargetError(f"Ray's {kind} ended with code {process.returncode}{words}", hint="it is started again")


def kill() -> None:
    """Kill all that Ray has started: without its head, parts of it would wait for one for more than a minute."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def _last_line(logs: Path, kind: str) -> str:
    for file in (logs / f"{kind}.err", logs / f"{kind}.out"):
        lines = _end_of(file).decode(errors="replace").splitlines()
        if lines:
            return f": {lines[-1][-300:]}"
    return ""


def _end_of(file: Path) -> bytes:
    if not file.exists():
        return b""
    with file.open("rb") as log:
        log.seek(max(0, file.stat().st_size - _LOG_BYTES))
        return log.read(_LOG_BYTES)


def _directory(state: Path | None) -> Path:
    """Return a directory for the cluster's files, by a short name for it where its own is long."""
    if state is None:
        return Path(tempfile.mkdtemp(prefix="llmwright-ray-"))
    state = state.resolve()
    state.mkdir(parents=True, exist_ok=True)
    for session in state.glob("session_*"):
        session.unlink() if session.is_symlink() else shutil.rmtree(session, ignore_errors=True)
    return state if len(os.fsencode(state)) <= _LONGEST_PATH else _short_name(state)


def _short_name(state: Path) -> Path:
    name = hashlib.sha256(os.fsencode(state)).hexdigest()[:10]
    link = Path(tempfile.gettempdir()) / f"llmwright-ray-{os.getuid()}-{name}"
    link.unlink(missing_ok=True)
    # The call fails where somebody else has put something there meanwhile, so nobody chooses where the files lie.
    link.symlink_to(state, target_is_directory=True)
    return link
