"""One process of a Workspace, run to its end while the caller waits."""

from __future__ import annotations

import subprocess

from llmwright.errors import TargetError
from llmwright.targets.local.launch.context import LaunchContext
from llmwright.values.launch import Launch

TIMEOUT_S = 120.0


def run_one_shot(context: LaunchContext, launch: Launch) -> str:
    """Return what ``launch.main`` prints on stdout.

    Raises:
        TargetError: it cannot be started or fails, with its last line as the message, or it takes longer than 120 s.
    """
    process = context.resolve(launch, launch.main, {})
    try:
        ended = subprocess.run(
            process.argv,
            env=context.environment(process),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"{process.name} did not end within {TIMEOUT_S:.0f} s", reason="ProcessTimeout") from error
    except OSError as error:
        raise TargetError(f"{process.name} cannot be started: {error.strerror}", reason="ProcessFailed") from error
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or [f"it ended with {ended.returncode}"])[-1]
        raise TargetError(f"{process.name}: {last}", reason="ProcessFailed")
    return ended.stdout
