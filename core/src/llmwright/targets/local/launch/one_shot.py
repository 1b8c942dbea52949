"""One process of a Workspace, run here and now to its end."""

from __future__ import annotations

import subprocess

from llmwright.errors import TargetError
from llmwright.targets.local.launch.context import Place
from llmwright.values.launch import Launch

TIMEOUT_S = 120.0


def output_of(place: Place, launch: Launch) -> str:
    """What ``launch.main`` prints, seeing the volumes of ``place``.

    Raises:
        TargetError: it fails; the message is its last line.
    """
    process = place.resolved(launch, launch.main, {})
    try:
        done = subprocess.run(
            process.argv,
            env=place.environment(process),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TargetError(f"{process.name} did not end within {TIMEOUT_S:.0f} s", reason="ProcessTimeout") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        raise TargetError(f"{process.name}: {last}", reason="ProcessFailed")
    return done.stdout
