"""A new clone of this repository, and a shell in it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


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
