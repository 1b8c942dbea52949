"""One image from its recipe: wheels, the build, and the two papers that lie beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from llmwright.app.images.contents import read_contents
from llmwright.app.images.engines import Build, Engine
from llmwright.app.images.papers import Made, bill_of_materials, provenance, write_papers
from llmwright.app.images.recipes import Recipe
from llmwright.app.images.wheels import Wheels, digest, gather
from llmwright.version import __version__

BASE = "docker.io/library/python:3.11-slim-bookworm"
PYTHON = "3.11"


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """The options of every image of one command.

    ``base`` is the image below ours, ``python`` the release of its Python. ``papers`` is the folder for the lists of
    contents and the provenance.
    """

    base: str = BASE
    python: str = PYTHON
    papers: Path = Path("dist/images")
    cached: bool = True


@dataclass(frozen=True, slots=True)
class Built:
    """An image that was built: its name, the digest of its configuration, and the files beside it."""

    role: str
    image: str
    digest: str
    bill_of_materials: Path
    provenance: Path


def build_image(
    recipe: Recipe, checkout: Path, engine: Engine, options: BuildOptions, say: Callable[[str], None]
) -> Built:
    """Build one image and write its papers. Raises ConfigError, TargetError."""
    revision, epoch = _revision(checkout), _epoch(checkout)
    with tempfile.TemporaryDirectory(prefix="llmwright-image-") as folder:
        context = Path(folder)
        wheels = gather(recipe, checkout, context, options.python, say)
        shutil.copy2(recipe.containerfile.parent.parent / "install.sh", context)
        arguments = _arguments(recipe, wheels, options, revision)
        say(f"building {recipe.image} with {engine.name} on {options.base}")
        engine.build(Build(recipe.containerfile, context, recipe.image, arguments, epoch, options.cached))
        found = engine.digest(recipe.image)
        say(f"listing what is in {recipe.image}")
        contents = read_contents(engine, recipe.image)
        made = Made(recipe, found, engine.name, options.base, arguments, revision, epoch)
        papers = write_papers(
            options.papers,
            made,
            bill_of_materials(made, contents, wheels),
            provenance(made, recipe.containerfile.relative_to(checkout), wheels),
        )
    return Built(recipe.role, recipe.image, found, *papers)


def _arguments(recipe: Recipe, wheels: Wheels, options: BuildOptions, revision: str) -> dict[str, str]:
    return {
        "BASE": options.base,
        "REQUIREMENTS": " ".join(recipe.requirements),
        "OTHER_WHEELS": digest(wheels.others),
        "OUR_WHEELS": digest(wheels.ours),
        "VERSION": __version__,
        "REVISION": revision,
    }


def _revision(checkout: Path) -> str:
    return _git(checkout, "rev-parse", "HEAD") or "unknown"


def _epoch(checkout: Path) -> int:
    """Return the time of all files: SOURCE_DATE_EPOCH, else that of the checkout's last commit."""
    written = os.environ.get("SOURCE_DATE_EPOCH", "") or _git(checkout, "log", "-1", "--format=%ct")
    return int(written) if written.isdigit() else 0


def _git(checkout: Path, *words: str) -> str:
    if shutil.which("git") is None:
        return ""
    done = subprocess.run(["git", "-C", checkout, *words], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
