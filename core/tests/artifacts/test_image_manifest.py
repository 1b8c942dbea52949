"""Manifests and indexes that are not of the specification's form."""

from __future__ import annotations

import json

import pytest

from llmwright.artifacts.image_manifest import choose_manifest, read_image
from llmwright.errors import ConfigError


@pytest.mark.parametrize("kind", [[None], {}, 1, None, ["application/vnd.oci.image.manifest.v1+json"]])
def test_a_media_type_of_another_form_is_no_image(kind: object) -> None:
    with pytest.raises(ConfigError, match=r"r\.example/a"):
        choose_manifest(json.dumps({"manifests": [{"mediaType": kind}]}).encode(), "r.example/a:1")
    with pytest.raises(ConfigError, match=r"r\.example/a"):
        read_image(json.dumps({"layers": [], "config": {"mediaType": kind}}).encode(), "", "r.example/a:1")
