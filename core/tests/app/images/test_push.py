"""Pushing to a real registry, with a stand-in for the program that built the image."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
from core.tests.app.images.test_papers import CONTENTS, MADE, WHEELS
from tests.support.docker_registry import DockerRegistry, open_registry

from llmwright.app.images.engines import Engine
from llmwright.app.images.papers import (
    CYCLONEDX,
    IN_TOTO,
    bill_of_materials,
    paper_paths,
    provenance,
    told_of,
    write_papers,
)
from llmwright.app.images.push import check, push_built
from llmwright.app.session import Session
from llmwright.artifacts.image_manifest import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Descriptor, as_json, sha256
from llmwright.artifacts.image_reference import parse_reference
from llmwright.errors import ConfigError

__all__ = ["open_registry"]

BUILDAH = """#!/bin/sh
case "$1" in
inspect) echo '{"FromImageID": "%s"}';;
push) folder=${4#oci:}; cp -r %s "${folder%%:image}";;
esac
"""


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A program named buildah that has one image, without layers."""
    layout = tmp_path / "layout"
    (layout / "blobs/sha256").mkdir(parents=True)
    config = Descriptor(OCI_CONFIG, sha256(b"{}"), 2)
    manifest = as_json({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.as_json(), "layers": []})
    entry = Descriptor(OCI_MANIFEST, sha256(manifest), len(manifest))
    for content in (b"{}", manifest):
        (layout / "blobs/sha256" / sha256(content).removeprefix("sha256:")).write_bytes(content)
    (layout / "index.json").write_bytes(
        as_json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry.as_json()]})
    )
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    program = tmp_path / "bin/buildah"
    program.parent.mkdir()
    program.write_text(BUILDAH % (MADE.digest, layout))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return Engine("buildah")


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """The papers of that image."""
    folder = tmp_path / "papers"
    statement = provenance(MADE, Path("deploy/images/operator/Containerfile"), WHEELS)
    write_papers(folder, MADE, bill_of_materials(MADE, CONTENTS, WHEELS), statement)
    return folder


def test_pushed_papers_name_the_manifest_that_the_registry_has(
    built: Engine, papers: Path, open_registry: DockerRegistry
) -> None:
    session = Session()
    target = check(session, MADE.recipe, f"{open_registry.host}/team", built, papers)
    pushed = push_built(session, MADE.recipe, target, built, papers, None)
    repository, _, digest = pushed.by_digest.partition("@")
    found = beside(pushed.by_digest)
    assert [subject["name"] for subject in found[IN_TOTO]["subject"]] == [repository, MADE.recipe.image]
    assert told_of(found[IN_TOTO]) == {digest, MADE.digest}
    component = found[CYCLONEDX]["metadata"]["component"]
    assert component["version"] == digest
    url = f"pkg:oci/operator@{digest.replace(':', '%3A')}?repository_url={repository.replace(':', '%3A')}"
    assert component["purl"] == url


def test_papers_of_another_build_are_refused(built: Engine, papers: Path, open_registry: DockerRegistry) -> None:
    _, statement = paper_paths(papers, MADE.recipe.role)
    statement.write_text(statement.read_text().replace("ab" * 32, "cd" * 32))
    with pytest.raises(ConfigError, match="is about another build than the image localhost/llmwright/operator"):
        check(Session(), MADE.recipe, open_registry.host, built, papers)


def test_without_papers_an_image_goes_alone(built: Engine, tmp_path: Path, open_registry: DockerRegistry) -> None:
    target = check(Session(), MADE.recipe, f"{open_registry.host}/alone", built, tmp_path / "none")
    assert push_built(Session(), MADE.recipe, target, built, tmp_path / "none", None).referrers == 0


def beside(image: str) -> dict[str, dict[str, Any]]:
    """Return everything that the registry has beside the image, by its type."""
    name = parse_reference(image)
    base = f"http://{name.registry}/v2/{name.repository}"
    index = httpx.get(f"{base}/manifests/{name.digest.replace(':', '-')}", headers={"Accept": OCI_INDEX}).json()
    found = {}
    for entry in index["manifests"]:
        manifest = httpx.get(f"{base}/manifests/{entry['digest']}", headers={"Accept": OCI_MANIFEST}).json()
        assert manifest["subject"]["digest"] == name.digest
        found[entry["artifactType"]] = httpx.get(f"{base}/blobs/{manifest['layers'][0]['digest']}").json()
    return found
