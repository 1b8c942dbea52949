"""Containers of an image as a careful cluster runs them: read-only, without rights, as the image's own user."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

MOST = 20_000
"""Files and processes of one container."""


def container(
    image: str, program: str, mounts: Mapping[Path, str], environ: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Return the command that runs ``program`` of the image in this machine's network; its arguments follow.

    ``mounts`` are files and folders of this machine, and where the container has them.
    """
    if shutil.which("podman") is None or shutil.which("runc") is None:
        pytest.skip("podman or runc is not installed (Debian packages podman, runc)")
    careful = ("--read-only", "--cap-drop=all", "--security-opt=no-new-privileges", "--tmpfs=/tmp:mode=1777")
    volumes = [f"--volume={here}:{there}" for here, there in mounts.items()]
    variables = [f"--env={name}={value}" for name, value in (environ or {}).items()]
    run = ("podman", "--runtime=runc", "run", "--rm", "--network=host", "--pull=never", *careful, *_limits())
    return (*run, *volumes, *variables, f"--entrypoint={program}", image)


def _limits() -> Iterator[str]:
    """Yield limits that this process has too: a machine may not let a container have more."""
    for name, kind in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        _, most = resource.getrlimit(kind)
        limit = MOST if most == resource.RLIM_INFINITY else min(most, MOST)
        yield f"--ulimit={name}={limit}:{limit}"
