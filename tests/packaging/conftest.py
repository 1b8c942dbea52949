"""A new clone, and third-party packages without a network: what somebody has who just found this repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from tests.support.clone import Clone
from tests.support.documents import ROOT

OURS = ("llmwright", "_editable_impl_llmwright", "__editable__")


@pytest.fixture(scope="session")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This session's packages but our own. On ``PYTHONPATH`` they count as installed, for pip too."""
    folder = tmp_path_factory.mktemp("third-party")
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if not entry.name.startswith(OURS) and entry.suffix != ".pth":
            (folder / entry.name).symlink_to(entry)
    return folder


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory, third_party: Path) -> Clone:
    """A copy of every file that git tracks or would add, with no environment made yet."""
    tree, home = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("home")
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    base = Path(getattr(sys, "_base_executable", sys.executable)).parent
    environ = {
        "PATH": f"{base}:{os.defpath}",
        "HOME": str(home),
        "PYTHONPATH": str(third_party),
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "COLUMNS": "160",
    }
    return Clone(tree, home, environ)
