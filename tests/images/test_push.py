"""An image in a real registry: `oras` finds contents and provenance beside it, and both speak of what is there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.support.harness import assets
from tests.images.support.image_builds import build
from tests.support.docker_registry import DockerRegistry, open_registry
from tests.support.documents import ROOT

from llmwright.app.images.papers import CYCLONEDX, IN_TOTO
from llmwright.version import __version__

__all__ = ["assets", "open_registry"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

VALIDATORS = ("cyclonedx-python-lib[json-validation]==11.12.0", "in-toto-attestation==0.9.3")


def test_oras_finds_papers_that_name_the_pushed_manifest(
    assets: Path, open_registry: DockerRegistry, tmp_path: Path
) -> None:
    built = build("operator", tmp_path)
    push = ("push", "operator", "--registry", f"{open_registry.host}/team", "--source", str(ROOT))
    said = said_by(sys.executable, "-m", "llmwright", "images", *push, "--papers", str(built.provenance.parent))
    image = said.strip()
    repository, _, digest = image.partition("@")
    assert repository == f"{open_registry.host}/team/llmwright/operator"
    oras = str(assets / "oras")
    assert said_by(oras, "resolve", "--plain-http", f"{repository}:{__version__}").strip() == digest
    paths = dict(papers(oras, image, tmp_path))
    assert paths.keys() == {CYCLONEDX, IN_TOTO}
    found = {kind: json.loads(path.read_text()) for kind, path in paths.items()}
    subjects = found[IN_TOTO]["subject"]
    assert subjects[0] == {"name": repository, "digest": {"sha256": digest.removeprefix("sha256:")}}
    assert subjects[1:] == json.loads(built.provenance.read_text())["subject"]
    component = found[CYCLONEDX]["metadata"]["component"]
    assert (component["name"], component["version"]) == (repository, digest)
    assert judged(paths[CYCLONEDX], paths[IN_TOTO], tmp_path / "validators") == "both are what they say"


def papers(oras: str, image: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield type and file of everything that refers to the image, as `oras` finds and pulls it."""
    answer = json.loads(said_by(oras, "discover", "--plain-http", "--format", "json", image))
    for found in answer.get("manifests") or answer["referrers"]:
        place = folder / found["digest"].removeprefix("sha256:")
        said_by(oras, "pull", "--plain-http", "-o", str(place), found["reference"])
        (paper,) = place.iterdir()
        yield found["artifactType"], paper


def judged(contents: Path, provenance: Path, environment: Path) -> str:
    """Return what the makers' own libraries say about the papers."""
    said_by(sys.executable, "-m", "venv", str(environment))
    python = str(environment / "bin/python")
    said_by(python, "-m", "pip", "install", "-q", *VALIDATORS)
    return said_by(
        python, str(Path(__file__).parent / "support/paper_schemas.py"), str(contents), str(provenance)
    ).strip()


def said_by(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
