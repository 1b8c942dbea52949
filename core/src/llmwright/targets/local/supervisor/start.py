"""Start a supervisor that outlives the command, or wake the one that is there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from llmwright.errors import TargetError
from llmwright.targets.local.process.child import MARK
from llmwright.targets.local.process.log_files import SUPERVISOR
from llmwright.targets.local.store.locks import FileLock, is_locked
from llmwright.targets.local.store.private_files import open_private
from llmwright.targets.local.store.workspace_store import WorkspaceStore
from llmwright.targets.local.supervisor.event_wait import wake_supervisor

DETACH = '"$@" &'
"""Run by sh, which ends at once: the supervisor becomes a child of init, which reaps it."""


def is_supervised(store: WorkspaceStore) -> bool:
    """Return whether a supervisor is at work there."""
    return is_locked(store.supervisor_lock)


def ensure_supervisor(store: WorkspaceStore, environ: Mapping[str, str] = os.environ) -> None:
    """Wake the supervisor, or start one with the environment ``environ``.

    Hold the apply lock: without it, the supervisor may end between the check and the wake, and what was written is not
    carried out.

    Raises:
        TargetError: no supervisor can be started.
    """
    if is_supervised(store):
        wake_supervisor(store.wake_pipe)
    else:
        start_supervisor(store, environ)


def start_supervisor(store: WorkspaceStore, environ: Mapping[str, str] = os.environ) -> None:
    """Start the supervisor of that Workspace in a session of its own; a second one ends by itself.

    Raises:
        TargetError: the system refuses another process, or the supervisor's lock cannot be made.
    """
    command = [sys.executable, *store.supervisor_arguments]
    # A mark would make this supervisor a leftover of the Workspace whose process runs the command.
    env = {name: value for name, value in environ.items() if name != MARK}
    lock = FileLock(store.supervisor_lock)
    try:
        # Held before the start and inherited: else other commands start a supervisor each, for as long as the new
        # interpreter takes to acquire it.
        handle = lock.handle if lock.acquire() else None
        command += ["--lock", str(handle)] if handle is not None else []
        with _open_log(store.logs / f"{SUPERVISOR}.log") as output:
            subprocess.run(
                ["/bin/sh", "-c", DETACH, "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Not the user's directory, which could then be neither removed nor unmounted.
                cwd="/",
                env=env,
                start_new_session=True,
                pass_fds=() if handle is None else (handle,),
                check=True,
            )
    except (OSError, subprocess.CalledProcessError) as error:
        raise TargetError(f"no supervisor could be started for {store.key}: {error}") from error
    finally:
        lock.release()


def _open_log(path: Path) -> BinaryIO:
    try:
        return os.fdopen(open_private(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT), "ab")
    except OSError:
        # A supervisor without a log is better than none: it may be there to delete what is damaged.
        return Path(os.devnull).open("ab")
