"""The programs of Kubernetes for this repository's tests: those packed beside it where no variable names others."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from llmwright.testing.cluster.programs import NEEDED, VARIABLE, find_programs

ROOT = Path(__file__).parents[2]
HOW_TO_GET_THEM = (
    f"set {VARIABLE} to a folder with {', '.join(NEEDED)}, kube-controller-manager, kube-scheduler, "
    "kwok, kwok-stages.yaml, karpenter and karpenter-crds"
)


def assets(*needed: str) -> Path:
    """Return the folder of programs; skip the test where there is none, or where it lacks one of ``needed``."""
    unpack = ROOT.parent / "shared/envtest/unpack"
    if VARIABLE not in os.environ and unpack.exists():
        return Path(subprocess.run([unpack], capture_output=True, text=True, check=True).stdout.strip())
    folder = find_programs()
    if not all((folder / program).exists() for program in needed):
        pytest.skip(HOW_TO_GET_THEM)
    return folder
