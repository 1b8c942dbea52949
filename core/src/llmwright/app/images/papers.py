"""The two papers of an image: its contents (CycloneDX 1.6), and what it was built from (in-toto, SLSA 1.0)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5

from llmwright.app.images.contents import Contents, Distribution
from llmwright.app.images.recipes import Recipe
from llmwright.app.images.wheels import Wheel, Wheels
from llmwright.version import __version__

CYCLONEDX = "application/vnd.cyclonedx+json"
IN_TOTO = "application/vnd.in-toto+json"
BUILD_TYPE = "https://llmwright.dev/images/containerfile/v1"


@dataclass(frozen=True, slots=True)
class Made:
    """How an image was made: from which recipe, by which program, on which base, from which commit."""

    recipe: Recipe
    digest: str
    engine: str
    base: str
    arguments: Mapping[str, str]
    revision: str
    epoch: int

    @property
    def time(self) -> str:
        """The time that its files have."""
        return datetime.fromtimestamp(self.epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def bill_of_materials(made: Made, contents: Contents, wheels: Wheels) -> dict[str, Any]:
    """Return the image's list of contents in CycloneDX's JSON. The same image has the same list, byte for byte."""
    hashes = {wheel.name: wheel for wheel in (*wheels.ours, *wheels.others)}
    python = [_component(found, hashes.get(found.name)) for found in contents.distributions]
    system = [_package(found, contents.system) for found in contents.packages]
    named = {found.name: _python_url(found) for found in contents.distributions}
    depends = [
        {"ref": named[found.name], "dependsOn": sorted(named[name] for name in found.requires if name in named)}
        for found in contents.distributions
    ]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, made.digest)}",
        "version": 1,
        "metadata": {
            "timestamp": made.time,
            "tools": {"components": [{"type": "application", "name": "llmwright", "version": __version__}]},
            "component": {
                "type": "container",
                "bom-ref": made.recipe.image,
                "name": made.recipe.image,
                "version": made.digest,
            },
        },
        "components": [*python, *system],
        "dependencies": depends,
    }


def provenance(made: Made, containerfile: Path, wheels: Wheels) -> dict[str, Any]:
    """Return a statement in in-toto's form about the build, as SLSA 1.0 shapes it. It is not signed."""
    sources = [
        {"uri": "git+llmwright", "digest": {"gitCommit": made.revision}},
        {"uri": f"oci://{made.base}"},
        *(_source(wheel) for wheel in (*wheels.ours, *wheels.others)),
    ]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": made.recipe.image, "digest": {"sha256": made.digest.removeprefix("sha256:")}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "containerfile": str(containerfile),
                    "arguments": dict(made.arguments),
                    "sourceDateEpoch": made.epoch,
                },
                "internalParameters": {"engine": made.engine},
                "resolvedDependencies": sources,
            },
            "runDetails": {
                "builder": {"id": "https://llmwright.dev/images/build", "version": {"llmwright": __version__}},
                "metadata": {"startedOn": made.time, "finishedOn": made.time},
            },
        },
    }


def bill_in_registry(bill: Mapping[str, Any], repository: str, digest: str) -> dict[str, Any]:
    """Return the list of contents of the image that a registry has as ``repository`` with that manifest digest."""
    name = repository.rpartition("/")[2]
    url = f"pkg:oci/{name}@{quote(digest, safe='')}?repository_url={quote(repository, safe='/')}"
    component = {**bill["metadata"]["component"], "name": repository, "version": digest, "purl": url}
    return {**bill, "metadata": {**bill["metadata"], "component": component}}


def provenance_in_registry(statement: Mapping[str, Any], repository: str, digest: str) -> dict[str, Any]:
    """Return the statement about the manifest that a registry has: by its digest verifiers find the statement."""
    pushed = {"name": repository, "digest": {"sha256": digest.removeprefix("sha256:")}}
    return {**statement, "subject": [pushed, *statement["subject"]]}


def told_of(statement: Mapping[str, Any]) -> set[str]:
    """Return the digests of the images that the statement is about."""
    return {f"sha256:{subject['digest']['sha256']}" for subject in statement["subject"]}


def write_papers(folder: Path, made: Made, bill: dict[str, Any], statement: dict[str, Any]) -> tuple[Path, Path]:
    """Write both into ``folder``, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = paper_paths(folder, made.recipe.role)
    for path, paper in zip(paths, (bill, statement), strict=True):
        write_paper(path, paper)
    return paths


def write_paper(path: Path, paper: Mapping[str, Any]) -> None:
    """Write one paper."""
    path.write_text(json.dumps(paper, indent=1) + "\n", encoding="utf-8")


def paper_paths(folder: Path, role: str) -> tuple[Path, Path]:
    """Return where the papers of an image lie: its contents, its provenance."""
    return folder / f"{role}-{__version__}.cdx.json", folder / f"{role}-{__version__}.provenance.json"


def _component(found: Distribution, wheel: Wheel | None) -> dict[str, Any]:
    url = _python_url(found)
    part = _library(found, url)
    if found.license:
        part["licenses"] = [{"license": {"name": found.license}}]
    if wheel is not None and wheel.version == found.version:
        part["hashes"] = [{"alg": "SHA-256", "content": wheel.sha256}]
    return part


def _package(found: Distribution, system: tuple[str, str]) -> dict[str, Any]:
    url = f"pkg:deb/{system[0]}/{found.name}@{found.version}?distro={system[0]}-{system[1]}".replace("+", "%2B")
    return _library(found, url)


def _library(found: Distribution, url: str) -> dict[str, Any]:
    return {"type": "library", "bom-ref": url, "name": found.name, "version": found.version, "purl": url}


def _python_url(found: Distribution) -> str:
    return f"pkg:pypi/{found.name}@{found.version}".replace("+", "%2B")


def _source(wheel: Wheel) -> dict[str, Any]:
    url = f"pkg:pypi/{wheel.name}@{wheel.version}".replace("+", "%2B")
    return {"uri": url, "name": wheel.file.name, "digest": {"sha256": wheel.sha256}}
