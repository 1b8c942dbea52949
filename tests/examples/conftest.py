"""The example plugins as strangers would have them: wheels beside this repository's own, in a clean environment."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = [ROOT / "core", ROOT / "presets", *sorted((ROOT / "plugins").iterdir())]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples/plugins").glob("*/pyproject.toml"))


@dataclass(frozen=True)
class Installed:
    """The environment, and an empty directory for what its commands keep."""

    bin: Path
    home: Path
    environ_more: dict[str, str] = field(default_factory=dict)

    def python(self, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Runs the environment's interpreter."""
        return self._run(self.bin / "python", *arguments, cwd=cwd)

    def llmwright(self, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Runs the environment's ``llmwright``."""
        return self._run(self.bin / "llmwright", *arguments, cwd=cwd)

    @property
    def environ(self) -> dict[str, str]:
        """What commands find in their environment."""
        settings = {"HOME": str(self.home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "COLUMNS": "160"}
        return {"PATH": f"{self.bin}:{os.defpath}", **settings, **self.environ_more}

    def _run(self, *command: str | Path, cwd: Path | None) -> subprocess.CompletedProcess[str]:
        where = cwd or self.home
        return subprocess.run(
            command, cwd=where, env=self.environ, capture_output=True, text=True, check=False, timeout=300
        )


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A wheel of every distribution of this repository and of every example."""
    out = tmp_path_factory.mktemp("wheels")
    for project in (*OURS, *EXAMPLES):
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out],
            cwd=project,
            check=True,
            capture_output=True,
        )
    return sorted(out.glob("*.whl"))


@pytest.fixture(scope="session")
def installed(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A clean environment with nothing but those wheels, and torch and the like from this session's."""
    place = tmp_path_factory.mktemp("examples")
    venv.create(place / "venv", with_pip=True)
    bin_, home = place / "venv/bin", place / "home"
    home.mkdir()
    pip = [
        str(bin_ / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--disable-pip-version-check",
    ]
    subprocess.run([*pip, *map(str, wheels)], check=True)
    # Only now: pip must not take this session's editable packages for installed ones.
    scheme = sysconfig.get_paths("venv", vars={"base": str(place / "venv")})
    heavy = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (Path(scheme["purelib"]) / "session.pth").write_text("\n".join(sorted(heavy)) + "\n")
    return Installed(bin_, home)
