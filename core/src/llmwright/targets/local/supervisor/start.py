"""Starting a supervisor that outlives the command that started it."""

from __future__ import annotations

import os
import subprocess
import sys

from llmwright.errors import TargetError
from llmwright.targets.local.process.child import MARK
from llmwright.targets.local.process.logs import SUPERVISOR
from llmwright.targets.local.store.json_records import refused
from llmwright.targets.local.store.locks import FileLock, is_held
from llmwright.targets.local.store.workspace_store import WorkspaceState

DETACH = '"$@" &'
"""Run by sh, which ends at once: the supervisor is nobody's child then, and its end is waited for by init."""


def start_supervisor(state: WorkspaceState) -> None:
    """Start the supervisor of that Workspace in a session of its own; a second one ends by itself.

    It is born with the lock, so that no other command finds the Workspace unsupervised while its interpreter starts.

    Raises:
        TargetError: the system refuses another process, or the log cannot be written.
    """
    command = [sys.executable, "-P", "-m", "llmwright.targets.local", state.namespace, state.name]
    command += ["--state", str(state.root)]
    env = {name: value for name, value in os.environ.items() if name != MARK}
    path = state.logs / f"{SUPERVISOR}.log"
    lock = FileLock(state.supervisor_lock)
    try:
        handle = lock.handle if lock.take() else None
        command += ["--lock", str(handle)] if handle is not None else []
        with path.open("ab") as output:
            subprocess.run(
                ["/bin/sh", "-c", DETACH, "sh", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=env,
                start_new_session=True,
                pass_fds=() if handle is None else (handle,),
                check=True,
            )
    except OSError as error:
        raise refused(path, error) from error
    except subprocess.CalledProcessError as error:
        raise TargetError(f"no supervisor could be started for {state.namespace}/{state.name}: {error}") from error
    finally:
        lock.free()


def is_supervised(state: WorkspaceState) -> bool:
    """Whether a supervisor is at work there."""
    return is_held(state.supervisor_lock)
