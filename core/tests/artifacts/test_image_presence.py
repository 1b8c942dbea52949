"""Whether a registry has an image, asked of real ones."""

from __future__ import annotations

from pathlib import Path

from tests.support.docker_registry import DockerRegistry

from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.image_presence import find_presence
from llmwright.artifacts.image_push import push

LOGIN = (Credential(DockerRegistry.USER, DockerRegistry.PASSWORD),)


def test_an_image_is_there_or_missing_where_the_registry_says_so(open_registry: DockerRegistry, layout: Path) -> None:
    digest = push(layout, f"{open_registry.host}/team/there:1", None)
    assert find_presence(f"{open_registry.host}/team/there:1") == ("there", "")
    assert find_presence(f"{open_registry.host}/team/there@{digest}") == ("there", "")
    for name in ("team/there:2", "team/nothing:1", f"team/there@sha256:{'0' * 64}"):
        presence, why = find_presence(f"{open_registry.host}/{name}")
        assert presence == "missing"
        assert "the registry answered 404" in why


def test_a_registry_that_wants_a_login_tells_nothing_to_strangers(closed_registry: DockerRegistry) -> None:
    image = f"{closed_registry.host}/team/nothing:1"
    assert find_presence(image)[0] == "unknown"
    assert find_presence(image, LOGIN)[0] == "missing"


def test_what_cannot_be_asked_is_not_known() -> None:
    assert find_presence("127.0.0.1:9/x:1")[0] == "unknown"
    assert find_presence("localhost/llmwright/workload:1")[0] == "unknown"
    assert find_presence("No Name")[0] == "unknown"
