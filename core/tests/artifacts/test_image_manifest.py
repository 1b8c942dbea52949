"""Manifests and indexes that are not of the specification's form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmwright.artifacts.image_manifest import (
    DOCKER_LIST,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    choose_manifest,
    manifest_kind,
    read_image,
)
from llmwright.errors import ConfigError


@pytest.mark.parametrize("kind", [[None], {}, 1, None, ["application/vnd.oci.image.manifest.v1+json"]])
def test_a_media_type_of_another_form_is_no_image(kind: object) -> None:
    with pytest.raises(ConfigError, match=r"r\.example/a"):
        choose_manifest(json.dumps({"manifests": [{"mediaType": kind}]}).encode(), "r.example/a:1")
    with pytest.raises(ConfigError, match=r"r\.example/a"):
        read_image(json.dumps({"layers": [], "config": {"mediaType": kind}}).encode(), "", "r.example/a:1")


IMAGE: dict[str, Any] = {"schemaVersion": 2, "config": {}, "layers": []}
INDEX: dict[str, Any] = {"schemaVersion": 2, "manifests": []}


@pytest.mark.parametrize(
    ("document", "announced", "kind"),
    [
        (IMAGE, OCI_MANIFEST, OCI_MANIFEST),
        (IMAGE, DOCKER_MANIFEST.upper(), DOCKER_MANIFEST),
        (IMAGE, "", OCI_MANIFEST),
        (IMAGE, "application/json", OCI_MANIFEST),
        (IMAGE | {"mediaType": DOCKER_MANIFEST}, "text/plain", DOCKER_MANIFEST),
        (IMAGE | {"mediaType": OCI_MANIFEST}, DOCKER_MANIFEST, DOCKER_MANIFEST),
        (INDEX, "application/octet-stream", OCI_INDEX),
        (INDEX | {"mediaType": DOCKER_LIST}, "", DOCKER_LIST),
        ({"schemaVersion": 1, "fsLayers": []}, "application/vnd.docker.distribution.manifest.v1+json", ""),
        ({"mediaType": ["x"]}, "", ""),
    ],
)
def test_the_kind_of_a_manifest(document: dict[str, Any], announced: str, kind: str) -> None:
    assert manifest_kind(json.dumps(document).encode(), announced, "r.example/a:1") == kind


@pytest.mark.parametrize(
    ("document", "announced"),
    [
        (IMAGE | INDEX, OCI_MANIFEST),
        (IMAGE | INDEX, ""),
        (IMAGE, OCI_INDEX),
        (INDEX, DOCKER_MANIFEST),
        (IMAGE | {"mediaType": DOCKER_LIST}, OCI_MANIFEST),
    ],
)
def test_a_text_of_two_kinds_is_refused(document: dict[str, Any], announced: str) -> None:
    with pytest.raises(ConfigError, match="as an image and as an index"):
        manifest_kind(json.dumps(document).encode(), announced, "r.example/a:1")
