"""Start a supervisor that outlives the command, or wake the one that is there."""

from __future__ import annotations

import os
import subprocess
import sys

from llmwright.errors import TargetError
from llmwright.targets.local.process.child import MARK
from llmwright.targets.local.process.log_files import SUPERVISOR
from llmwright.targets.local.store.json_records import disk_error
from llmwright.targets.local.store.locks import FileLock, is_locked
from llmwright.targets.local.store.workspace_store import WorkspaceStore
from llmwright.targets.local.supervisor.event_wait import wake_supervisor

DETACH = '"$@" &'
"""Run by sh, which ends at once: the supervisor becomes a child of init, which reaps it."""


def is_supervised(store: WorkspaceStore) -> bool:
    """Return whether a supervisor is at work there."""
    return is_locked(store.supervisor_lock)


def ensure_supervisor(store: WorkspaceStore) -> None:
    """Wake the supervisor, or start one.

    Hold the apply lock: without it, the supervisor may end between the check and the wake, and what was written is not
    carried out.

    Raises:
        TargetError: no supervisor can be started.
    """
    if is_supervised(store):
        wake_supervisor(store.wake_pipe)
    else:
        start_supervisor(store)


def start_supervisor(store: WorkspaceStore) -> None:
    """Start the supervisor of that Workspace in a session of its own; a second one ends by itself.

    Raises:
        TargetError: the system refuses another process, or the log cannot be written.
    """
    # -P: a file of the user's directory must not be imported in place of a module.
    command = [sys.executable, "-P", "-m", "llmwright.targets.local", store.namespace, store.name]
    command += ["--state", str(store.root)]
    # A mark would make this supervisor a leftover of the Workspace whose process runs the command.
    env = {name: value for name, value in os.environ.items() if name != MARK}
    path = store.logs / f"{SUPERVISOR}.log"
    lock = FileLock(store.supervisor_lock)
    try:
        # Held before the start and inherited: else other commands start a supervisor each, for as long as the new
        # interpreter takes to acquire it.
        handle = lock.handle if lock.acquire() else None
        command += ["--lock", str(handle)] if handle is not None else []
        with path.open("ab") as output:
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
    except OSError as error:
        raise disk_error(path, error) from error
    except subprocess.CalledProcessError as error:
        raise TargetError(f"no supervisor could be started for {store.key}: {error}") from error
    finally:
        lock.release()
