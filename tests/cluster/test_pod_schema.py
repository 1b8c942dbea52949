"""The form of pods that the package holds is the API server's."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from tests.cluster.support.pod_schema import pod_schema

from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.cluster


def test_it_is_what_the_api_server_publishes(control_plane: Cluster) -> None:
    """Where a newer server has other fields, write the file anew: its types sorted, one on each line."""
    published = control_plane.fetch("/openapi/v3/api/v1")
    assert published is not None
    held = json.loads(files("llmwright.api").joinpath("pod_schema.json").read_text(encoding="utf-8"))
    assert held == pod_schema(published)
