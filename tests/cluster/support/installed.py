"""What the operator's Python finds installed: plugins more than there are, or distributions less."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

HOOKS = "llmwright.hooks.v1"
PROVISIONERS = "llmwright.provisioners.v1"


def write_plugin(folder: Path, name: str, code: str, group: str, *points: str) -> Path:
    """A distribution of one module in ``folder``, as pip would leave it; ``points`` are its entry points.

    Without any, its one entry point is the module under its own name.
    """
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / f"{name}.py").write_text(code)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("\n".join([f"[{group}]", *(points or [f"{name} = {name}"])]) + "\n")
    return folder


def with_path(*folders: Path) -> dict[str, str]:
    """The variable with which Python looks in ``folders`` too."""
    rest = filter(None, [os.environ.get("PYTHONPATH")])
    return {"PYTHONPATH": os.pathsep.join([*map(str, folders), *rest])}


def without(module: str, folder: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """A Python, and its variables, in which all is installed that is here, but for the distribution of ``module``.

    Its site packages are links to ours in ``folder``, so nothing is copied and nothing here is touched.
    """
    folder.mkdir()
    found = [each for each in _site_packages() if module not in each.name.lower()]
    for each in found:
        (folder / each.name).symlink_to(each)
    sources = [Path(line) for each in found if each.suffix == ".pth" for line in _folders(each)]
    return (sys.executable, "-S"), with_path(folder, *sources)


def _site_packages() -> Iterator[Path]:
    seen: set[str] = set()
    for name in dict.fromkeys(sysconfig.get_path(which) for which in ("purelib", "platlib")):
        for each in sorted(Path(name).iterdir()):
            if each.name not in seen:
                seen.add(each.name)
                yield each


def _folders(pth: Path) -> list[str]:
    """The folders that a path configuration file adds, as editable installs leave them."""
    lines = pth.read_text().splitlines()
    return [
        line for line in lines if line and not line.startswith(("#", "import ", "import\t")) and Path(line).is_dir()
    ]
