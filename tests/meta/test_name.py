"""The project has one name. The former one belongs to another project on PyPI."""

from __future__ import annotations

import subprocess
from pathlib import Path

FORMER = ("model" + "wright").encode()


def test_nothing_of_the_former_name_is_left(root: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True).stdout
    files = [root / name.decode() for name in listed.split(b"\0") if name]
    assert len(files) > 500
    left = [str(file) for file in files if FORMER in bytes(file).lower() or FORMER in file.read_bytes().lower()]
    assert left == []
