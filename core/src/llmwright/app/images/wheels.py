"""The wheels of an image: pip of this machine fetches them, so that its indexes, proxies and logins stay out of it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from llmwright.app.images.recipes import Recipe
from llmwright.errors import ConfigError, TargetError

TESTED = Path("constraints/tested.txt")
PIP = "pip"
_GLIBC = ("2_17", "2_24", "2_26", "2_27", "2_28", "2_31", "2_34", "2_35", "2_36")
"""The releases of glibc whose wheels run in the usual base image (Debian bookworm has 2.36)."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """One wheel: its file, its distribution's name and version, and the digest of its bytes."""

    file: Path
    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Wheels:
    """The wheels of one image: this repository's, and everybody else's."""

    ours: tuple[Wheel, ...]
    others: tuple[Wheel, ...]


def gather(recipe: Recipe, checkout: Path, context: Path, python: str, say: Callable[[str], None]) -> Wheels:
    """Fill the folder ``wheels`` of a build's context, and return what lies there.

    ``python`` is the release of the base image's Python, as ``3.11``.

    Raises:
        ConfigError: this Python has no pip.
        TargetError: pip failed.
    """
    if importlib.util.find_spec("pip") is None:
        raise ConfigError(
            "this Python has no pip, which fetches the wheels", hint="python -m ensurepip", reason="NoPip"
        )
    folder = context / "wheels"
    say("building this repository's wheels")
    _build_ours(checkout, folder / "ours")
    say(f"fetching wheels for Python {python}")
    _fetch(recipe, checkout, folder, python)
    _run(["download", "-q", "--no-deps", "-d", folder / "pip", "-c", checkout / TESTED, PIP])
    wheels = Wheels(_wheels(folder / "ours"), _wheels(folder / "others"))
    (folder / "others.txt").write_text("".join(f"{wheel.name}=={wheel.version}\n" for wheel in wheels.others))
    return wheels


def digest(wheels: Iterable[Wheel]) -> str:
    """Return one digest of all of them."""
    lines = "".join(f"{wheel.sha256} {wheel.file.name}\n" for wheel in wheels)
    return hashlib.sha256(lines.encode()).hexdigest()


def _build_ours(checkout: Path, folder: Path) -> None:
    """Build every package; hatchling gives the files of a wheel one time, so that its bytes are always the same."""
    here = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    projects = [path.parent for path in sorted(checkout.glob("*/pyproject.toml"))]
    projects += [path.parent for path in sorted(checkout.glob("plugins/*/pyproject.toml"))]
    _run(["wheel", "-q", "--no-deps", *here, "-w", folder, *projects])


def _fetch(recipe: Recipe, checkout: Path, folder: Path, python: str) -> None:
    others = folder / "others"
    index = ["--extra-index-url", recipe.index] if recipe.index else []
    wanted = [*recipe.requirements, *recipe.others, *([f"torch=={recipe.torch}"] if recipe.torch else ())]
    constraints = ["-c", checkout / TESTED, "--find-links", folder / "ours"]
    _run(["download", "-q", "-d", others, "--only-binary", ":all:", *_platform(python), *constraints, *index, *wanted])
    for wheel in (folder / "ours").iterdir():
        (others / wheel.name).unlink(missing_ok=True)


def _platform(python: str) -> list[str]:
    """Return pip's arguments for another Python than this one; nothing for this one."""
    if python == f"{sys.version_info.major}.{sys.version_info.minor}":
        return []
    machine = platform.machine()
    tags = [f"manylinux_{release}_{machine}" for release in reversed(_GLIBC)] + [f"manylinux2014_{machine}"]
    return ["--python-version", python, *(part for tag in tags for part in ("--platform", tag))]


def _wheels(folder: Path) -> tuple[Wheel, ...]:
    return tuple(_wheel(file) for file in sorted(folder.glob("*.whl")))


def _wheel(file: Path) -> Wheel:
    name, version = file.name.split("-")[:2]
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return Wheel(file, re.sub(r"[-_.]+", "-", name).lower(), version, sha256)


def _run(arguments: list[object]) -> None:
    command = [sys.executable, "-m", "pip", *map(str, arguments)]
    environ = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        text = f"pip {arguments[0]} failed: {' '.join(errors[-2:]) or 'it said nothing'}"
        raise TargetError(text, hint="pip's own settings name the indexes it asks: pip config list", reason="PipFailed")
