"""Adapters through a registry that asks for tokens, and that fails."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from core.tests.artifacts.support.adapter_images import HERE, PAT, same_adapter
from core.tests.artifacts.support.token_gate import Gate

from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.image_pull import pull
from llmwright.artifacts.image_push import check_push, push
from llmwright.errors import ConfigError, TargetError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.docker_registry import DockerRegistry

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def gate(open_registry: DockerRegistry) -> Iterator[Gate]:
    gate = Gate(open_registry)
    yield gate
    gate.close()


class TestTokens:
    @pytest.mark.parametrize("credential", [PAT, Credential(identity_token="identity")])
    def test_tokens_are_fetched_for_the_scope(
        self, gate: Gate, layout: Path, adapter: Path, tmp_path: Path, credential: Credential
    ) -> None:
        reference = f"{gate.host}/token/{'b' if credential.username else 'i'}:v1"
        check_push(reference, credential)
        digest = push(layout, reference, credential)
        assert pull(reference, tmp_path / "to", credential, sources=HERE) == digest
        assert same_adapter(tmp_path / "to", adapter)
        repository = reference.partition("/")[2].rpartition(":")[0]
        scopes = [f"repository:{repository}:{actions}" for actions in ("pull,push", "pull,push", "pull")]
        assert [asked["scope"] for asked in gate.asked] == scopes
        assert {asked["service"] for asked in gate.asked} == {"gate"}

    def test_a_token_refused(self, gate: Gate, layout: Path) -> None:
        for wrong in (None, Credential("pat", "wr0ng"), Credential(identity_token="wr0ng")):
            with pytest.raises(ConfigError) as caught:
                push(layout, f"{gate.host}/token/c:v1", wrong)
            assert caught.value.reason == "PushDenied"

    def test_a_second_push_sends_no_blob(self, gate: Gate, layout: Path) -> None:
        reference = f"{gate.host}/twice/a:v1"
        push(layout, reference, PAT)
        gate.seen.clear()
        push(layout, reference, PAT)
        assert [method for method, _, _ in gate.seen if method in ("POST", "PATCH")] == []

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("HEAD", "/blobs/"),
            ("POST", "/uploads/"),
            ("PATCH", "/uploads/"),
            ("PUT", "/uploads/"),
            ("PUT", "/manifests/"),
        ],
    )
    @pytest.mark.parametrize("status", [500, 429])
    def test_what_passes_is_tried_again(self, gate: Gate, layout: Path, method: str, path: str, status: int) -> None:
        gate.faults += [(method, path, status)] * 2
        push(layout, f"{gate.host}/{method.lower()}/x{status}{len(path)}:v1", PAT, chunk_bytes=100_000)
        assert gate.faults == []

    def test_pulls_are_tried_again(self, gate: Gate, layout: Path, adapter: Path, tmp_path: Path) -> None:
        reference = f"{gate.host}/again/a:v1"
        push(layout, reference, PAT)
        gate.faults += [("GET", "/manifests/", 503), ("GET", "/blobs/", 502), ("GET", "/blobs/", 503)]
        pull(reference, tmp_path / "to", PAT, sources=HERE)
        assert same_adapter(tmp_path / "to", adapter)

    def test_what_does_not_pass_is_said(self, gate: Gate, layout: Path) -> None:
        gate.faults += [("PUT", "/manifests/", 500)] * 3
        with pytest.raises(TargetError, match="answered 500"):
            push(layout, f"{gate.host}/down/a:v1", PAT)
        gate.faults += [("PUT", "/manifests/", 405)]
        with pytest.raises(TargetError) as caught:
            push(layout, f"{gate.host}/down/a:v1", PAT)
        assert caught.value.reason == "RegistryError"

    @pytest.mark.parametrize(("path", "reason"), [("/blobs/", "DigestMismatch"), ("/manifests/", "BadImage")])
    def test_other_bytes_than_promised(self, gate: Gate, layout: Path, tmp_path: Path, path: str, reason: str) -> None:
        reference = f"{gate.host}/lies/a:v1"
        digest = push(layout, reference, PAT)
        gate.spoil[path] = b"something else"
        with pytest.raises(ConfigError) as caught:
            pull(reference, tmp_path / "to", PAT, sources=HERE)
        assert caught.value.reason == reason
        with pytest.raises(ConfigError) as caught:
            pull(f"{gate.host}/lies/a@{digest}", tmp_path / "to", PAT, sources=HERE)
        assert caught.value.reason == "DigestMismatch"
        assert list((tmp_path / "to").iterdir()) == []

    def test_more_bytes_than_promised(self, gate: Gate, layout: Path, tmp_path: Path) -> None:
        push(layout, f"{gate.host}/more/a:v1", PAT)
        gate.spoil["/blobs/"] = bytes(1_000_000)
        with pytest.raises(ConfigError) as caught:
            pull(f"{gate.host}/more/a:v1", tmp_path / "to", PAT, sources=HERE)
        assert caught.value.reason == "TooLarge"

    def test_the_push_reads_its_digest_back(self, gate: Gate, layout: Path) -> None:
        gate.spoil["/manifests/"] = b"{}"
        with pytest.raises(ConfigError, match="after the push") as caught:
            push(layout, f"{gate.host}/back/a:v1", PAT)
        assert caught.value.reason == "DigestMismatch"

    def test_a_redirected_blob_is_judged(self, gate: Gate, layout: Path, tmp_path: Path) -> None:
        reference = f"{gate.host}/led/a:v1"
        push(layout, reference, PAT)
        gate.faults += [("GET", "/blobs/", 307)]
        with pytest.raises(ConfigError, match="always refused"):
            pull(reference, tmp_path / "to", PAT, sources=HERE)
