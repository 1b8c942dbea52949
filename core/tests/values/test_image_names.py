"""Names of images behind a mirror."""

from __future__ import annotations

import pytest

from llmwright.values.image_names import built_image, mirrored
from llmwright.version import __version__


@pytest.mark.parametrize(
    ("image", "registry", "expected"),
    [
        ("vllm/vllm-openai:v1", None, "vllm/vllm-openai:v1"),
        ("vllm/vllm-openai:v1", "registry.corp/mirror", "registry.corp/mirror/vllm/vllm-openai:v1"),
        ("ghcr.io/llm-d/router:v1", "registry.corp:5000/", "registry.corp:5000/ghcr.io/llm-d/router:v1"),
        ("localhost/llmwright/workload:1", "registry.corp/m", "registry.corp/m/llmwright/workload:1"),
        ("registry.corp/m/own@sha256:00", "registry.corp/m", "registry.corp/m/own@sha256:00"),
        ("registry.corp/mine:1", "registry.corp/m", "registry.corp/m/registry.corp/mine:1"),
        ("other.corp:5000/mine:1", "registry.corp/m", "registry.corp/m/other.corp/mine:1"),
    ],
)
def test_a_mirror_stands_before_the_whole_name(image: str, registry: str | None, expected: str) -> None:
    assert mirrored(image, registry) == expected
    assert mirrored(expected, registry) == expected


def test_an_image_of_ours_has_the_release_as_its_tag() -> None:
    assert built_image("workload") == f"localhost/llmwright/workload:{__version__}"
