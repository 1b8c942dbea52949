"""A new clone, and third-party packages without a network: what somebody has who just found this repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.documents import ROOT

OURS = ("llmwright", "_editable_impl_llmwright", "__editable__")


@dataclass(frozen=True)
class Clone:
    """The tree as git has it, an empty home, and the environment of a shell without our packages."""

    tree: Path
    home: Path
    environ: dict[str, str]

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run ``script`` in the clone by bash; it ends at the first command that fails."""
        command = ["bash", "-euo", "pipefail", "-c", script]
        return subprocess.run(
            command, cwd=self.tree, env=self.environ, capture_output=True, text=True, check=False, timeout=300
        )


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
