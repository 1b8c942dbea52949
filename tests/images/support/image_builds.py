"""Images that the tests build, with buildah, on a root of Debian's packages."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.documents import ROOT

from llmwright.app.images.build import BuildOptions, Built, build_image
from llmwright.app.images.engines import Engine
from llmwright.app.images.recipes import read_recipes

ENGINE = Engine("buildah", "chroot")
BASE = os.environ.get("LLMWRIGHT_IMAGE_BASE", "localhost/base/python:3.11-bookworm")
AS_BUILT = "LLMWRIGHT_IMAGES_AS_BUILT"
"""Where this variable is set, images that are there are taken as they are."""
PLUGIN, PLUGIN_IMAGE = ROOT / "examples/plugins/provisioner_desk", "localhost/acme/operator:1"
PACKAGES = "ca-certificates,python3,python3-venv"


def ensure_base(folder: Path) -> str:
    """Return the image below ours; make it of Debian's packages where it is not there."""
    if shutil.which("buildah") is None:
        pytest.skip("buildah is not installed (Debian package buildah)")
    if ENGINE.exists(BASE):
        return BASE
    if shutil.which("debootstrap") is None:
        pytest.skip(f"there is no image {BASE}, and debootstrap is not installed (Debian package debootstrap)")
    root = folder / "root"
    call("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root))
    container = call("buildah", "from", "scratch")
    call("buildah", "add", "-q", container, str(root), "/")
    call("buildah", "config", "--env", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
    call("buildah", "commit", "-q", "--timestamp", "0", container, BASE)
    call("buildah", "rm", container)
    return BASE


def build(role: str, folder: Path, *, cached: bool = True) -> Built:
    """Build the image of that role from this checkout."""
    options = BuildOptions(base=ensure_base(folder), papers=folder / "papers", cached=cached)
    return build_image(read_recipes(ROOT)[role], ROOT, ENGINE, options, print)


def image_of(role: str, folder: Path) -> str:
    """Return the name of that role's image, built now unless a variable says to take what is there."""
    image = read_recipes(ROOT)[role].image
    if AS_BUILT in os.environ and shutil.which("buildah") and ENGINE.exists(image):
        return image
    return build(role, folder).image


def plugin_image(folder: Path) -> str:
    """Return the image that the example's own three lines make of the operator's, with the wheel beside them."""
    lines = [line for line in (PLUGIN / "Containerfile").read_text().splitlines() if line]
    assert len(lines) == 3
    assert lines[0] == f"FROM {image_of('operator', folder)}"
    context = folder / "plugin"
    context.mkdir()
    shutil.copy(PLUGIN / "Containerfile", context)
    plugin_wheel(context)
    call("buildah", "build", "--isolation", "chroot", "--pull-never", "-q", "-t", PLUGIN_IMAGE, str(context))
    return PLUGIN_IMAGE


def plugin_wheel(folder: Path) -> Path:
    """Build the example's wheel into ``folder``."""
    words = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(PLUGIN)]
    call(sys.executable, *words)
    return next(folder.glob("acme_desk-*.whl"))


def call(*command: str) -> str:
    """Run a command and return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()
