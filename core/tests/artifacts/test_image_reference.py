"""Names of images as Docker reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmwright.artifacts.image_reference import Reference, parse_reference
from llmwright.errors import ConfigError

DIGEST = "sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("adapter", Reference("docker.io", "library/adapter", "latest")),
        ("team/adapter", Reference("docker.io", "team/adapter", "latest")),
        ("docker.io/adapter:1", Reference("docker.io", "library/adapter", "1")),
        ("index.docker.io/team/adapter:1", Reference("docker.io", "team/adapter", "1")),
        ("Docker.io/team/adapter:1", Reference("docker.io", "team/adapter", "1")),
        ("Index.Docker.IO/adapter", Reference("docker.io", "library/adapter", "latest")),
        ("registry-1.docker.io/team/adapter", Reference("registry-1.docker.io", "team/adapter", "latest")),
        ("localhost/adapter", Reference("localhost", "adapter", "latest")),
        ("localhost:5000/a/b/c:V1.0-x_y", Reference("localhost:5000", "a/b/c", "V1.0-x_y")),
        ("reg.example.com/team/a__b-c--d.e", Reference("reg.example.com", "team/a__b-c--d.e", "latest")),
        ("[::1]:5000/a:1", Reference("[::1]:5000", "a", "1")),
        (f"reg.example/a@{DIGEST}", Reference("reg.example", "a", "", DIGEST)),
        (f"reg.example/a:1@{DIGEST}", Reference("reg.example", "a", "1", DIGEST)),
        ("reg:80/a", Reference("reg:80", "a", "latest")),
        ("Reg.Example.com/a", Reference("Reg.Example.com", "a", "latest")),
    ],
)
def test_references(text: str, reference: Reference) -> None:
    assert parse_reference(text) == reference
    assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "/",
        "a:",
        "a@",
        "reg.example/",
        "reg.example/Adapter",
        "ADAPTER",
        "reg.example/a:-x",
        "reg.example/a:" + "x" * 129,
        "reg.example/a:x y",
        "reg.example/a@sha256:00",
        "reg.example/a@sha512:" + "0" * 128,
        "reg.example/a@sha256:" + "G" * 64,
        "reg.example/a//b",
        "reg.example/a_",
        "reg.example/a..b",
        "reg.example/../b",
        "reg.example:0/a",
        "reg.example:99999/a",
        "reg.example:x/a",
        "-reg.example/a",
        "[::1/a",
        "[zz::]/a",
        "[1:2]/a",
        "https://reg.example/a",
        "user:word@reg.example/a",
        "reg.example/" + "a" * 256,
        "reg.example/a\n",
    ],
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_reference(text)
    assert caught.value.reason == "InvalidReference"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("registry", "loopback"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.0.0.1:5000", True),
        ("127.8.0.1", True),
        ("[::1]:5000", True),
        ("reg.example:5000", False),
        ("10.0.0.1:5000", False),
        ("localhost.example", False),
        ("256.0.0.1", False),
    ],
)
def test_loopback_is_docker_s_rule_for_plain_http(registry: str, loopback: bool) -> None:
    assert parse_reference(f"{registry}/a").on_loopback == loopback


@given(st.text(max_size=80))
def test_any_text_is_a_reference_or_a_clear_error(text: str) -> None:
    for written in (text, f"localhost:5000/{text}", f"{text}/a:b", f"a:{text}", f"a@{text}", f"[{text}]:1/a"):
        try:
            reference = parse_reference(written)
        except ConfigError:
            continue
        assert parse_reference(str(reference)) == reference
        assert isinstance(reference.on_loopback, bool)
