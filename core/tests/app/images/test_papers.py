"""The papers of an image, from made-up contents."""

from __future__ import annotations

import json
from pathlib import Path

from llmwright.app.images.contents import Contents, Distribution
from llmwright.app.images.papers import Made, bill_of_materials, provenance, write_papers
from llmwright.app.images.recipes import Recipe
from llmwright.app.images.wheels import Wheel, Wheels

MADE = Made(
    recipe=Recipe("operator", Path("operator/Containerfile"), ("llmwright",)),
    digest="sha256:" + "ab" * 32,
    engine="buildah",
    base="example.com/python:3.11",
    arguments={"OUR_WHEELS": "11"},
    revision="c0ffee",
    epoch=1_800_000_000,
)
WHEELS = Wheels(
    ours=(Wheel(Path("llmwright-1-py3-none-any.whl"), "llmwright", "1", "11" * 32),),
    others=(Wheel(Path("torch-2+cpu-py3-none-any.whl"), "torch", "2+cpu", "22" * 32),),
)
CONTENTS = Contents(
    distributions=(
        Distribution("llmwright", "1", "Apache-2.0", ("torch", "absent")),
        Distribution("torch", "2+cpu", ""),
        Distribution("pip", "26"),
    ),
    packages=(Distribution("libc6", "2.36-9+deb12u10"),),
    system=("debian", "12"),
)


def test_the_contents_name_each_package_with_the_digest_of_its_wheel() -> None:
    bill = bill_of_materials(MADE, CONTENTS, WHEELS)
    parts = {part["name"]: part for part in bill["components"]}
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["version"] == MADE.digest
    assert parts["torch"]["purl"] == "pkg:pypi/torch@2%2Bcpu"
    assert parts["torch"]["hashes"] == [{"alg": "SHA-256", "content": "22" * 32}]
    assert parts["llmwright"]["licenses"] == [{"license": {"name": "Apache-2.0"}}]
    assert "hashes" not in parts["pip"]
    assert parts["libc6"]["purl"] == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?distro=debian-12"
    depends = {entry["ref"]: entry["dependsOn"] for entry in bill["dependencies"]}
    assert depends["pkg:pypi/llmwright@1"] == ["pkg:pypi/torch@2%2Bcpu"]


def test_equal_images_have_equal_papers() -> None:
    assert bill_of_materials(MADE, CONTENTS, WHEELS) == bill_of_materials(MADE, CONTENTS, WHEELS)


def test_the_provenance_names_commit_base_and_wheels(tmp_path: Path) -> None:
    statement = provenance(MADE, Path("deploy/images/operator/Containerfile"), WHEELS)
    definition = statement["predicate"]["buildDefinition"]
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert statement["subject"][0]["digest"] == {"sha256": "ab" * 32}
    sources = {source["uri"]: source.get("digest") for source in definition["resolvedDependencies"]}
    assert sources["git+llmwright"] == {"gitCommit": "c0ffee"}
    assert sources["pkg:pypi/torch@2%2Bcpu"] == {"sha256": "22" * 32}
    assert "oci://example.com/python:3.11" in sources
    bill, written = write_papers(tmp_path / "new", MADE, bill_of_materials(MADE, CONTENTS, WHEELS), statement)
    assert json.loads(written.read_text()) == statement
    assert bill.name.startswith("operator-")
