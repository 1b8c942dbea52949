"""Adapters through real registries."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from core.tests.artifacts.support.adapter_images import ANYWHERE, HERE, PAT, same_adapter

from llmwright.artifacts.adapter_image import ADAPTER_FILES
from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.image_pull import pull
from llmwright.artifacts.image_push import check_push, push
from llmwright.artifacts.layout import layout_image
from llmwright.errors import ConfigError, TargetError

if TYPE_CHECKING:
    from tests.support.docker_registry import DockerRegistry

pytestmark = pytest.mark.usefixtures("no_waiting")


class TestRoundTrip:
    @pytest.mark.parametrize("chunk_bytes", [64_000, 10_000_000])
    def test_pushed_and_pulled(
        self, open_registry: DockerRegistry, layout: Path, adapter: Path, tmp_path: Path, chunk_bytes: int
    ) -> None:
        reference = f"{open_registry.host}/round/trip-{chunk_bytes}:v1"
        seen: list[tuple[int, int | None]] = []
        note = lambda done, total: seen.append((done, total))  # noqa: E731
        digest = push(layout, reference, None, chunk_bytes=chunk_bytes, progress=note)
        image = layout_image(layout)
        assert digest == image.digest
        total = sum(blob.size for blob in image.blobs)
        assert seen[-1] == (total, total)
        assert [done for done, _ in seen] == sorted(done for done, _ in seen)
        to = tmp_path / "to"
        (to / ADAPTER_FILES[1]).mkdir(parents=True)
        (to / "kept.txt").write_text("kept")
        assert pull(reference, to, None, sources=HERE, progress=note) == digest
        assert (to / "kept.txt").read_text() == "kept"
        (to / "kept.txt").unlink()
        assert same_adapter(to, adapter)
        by_digest = f"{reference.rpartition(':')[0]}@{digest}"
        assert pull(by_digest, tmp_path / "by-digest", None, sources=HERE) == digest
        assert open_registry.uploads() == []

    def test_a_name_is_resolved_and_judged(self, open_registry: DockerRegistry, layout: Path, tmp_path: Path) -> None:
        reference = f"localhost:{open_registry.port}/named/a:v1"
        push(layout, reference, None)
        assert pull(reference, tmp_path / "to", None, sources=SourceRules(("127.0.0.1",)))

    def test_pull_is_held_to_the_address_rules(
        self, open_registry: DockerRegistry, layout: Path, tmp_path: Path
    ) -> None:
        push(layout, f"{open_registry.host}/rules/a:v1", None)
        for host in (
            open_registry.host,
            f"localhost:{open_registry.port}",
            f"[::1]:{open_registry.port}",
            "10.0.0.1:1",
        ):
            with pytest.raises(ConfigError) as caught:
                pull(f"{host}/rules/a:v1", tmp_path / "to", None, sources=SourceRules(("192.168.0.0/16",)))
            assert caught.value.reason == "SourceRefused"
            assert "sources.allow" in str(caught.value)
        assert list((tmp_path / "to").iterdir()) == []

    def test_metadata_services_are_no_registries(self, layout: Path, tmp_path: Path) -> None:
        for act in (
            lambda: push(layout, "169.254.169.254/a:v1", None),
            lambda: check_push("metadata.google.internal/a:v1", None),
            lambda: pull("169.254.169.254/a:v1", tmp_path / "to", None, sources=ANYWHERE),
        ):
            with pytest.raises(ConfigError, match="always refused"):
                act()

    def test_no_such_image(self, open_registry: DockerRegistry, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"none:v1: the registry answered 404 \(.*unknown") as caught:
            pull(f"{open_registry.host}/none:v1", tmp_path / "to", None, sources=HERE)
        assert caught.value.reason == "ImageNotFound"

    def test_nobody_there(self, layout: Path) -> None:
        with pytest.raises(TargetError, match="3 attempts") as caught:
            push(layout, "127.0.0.1:1/a:v1", None)
        assert caught.value.reason == "Unreachable"

    def test_a_digest_that_is_not_this_image(self, open_registry: DockerRegistry, layout: Path) -> None:
        with pytest.raises(ConfigError) as caught:
            push(layout, f"{open_registry.host}/a@sha256:{'0' * 64}", None)
        assert caught.value.reason == "DigestMismatch"
        assert push(layout, f"{open_registry.host}/exact/a@{layout_image(layout).digest}", None)


class TestPasswords:
    def test_only_who_may(self, closed_registry: DockerRegistry, layout: Path, adapter: Path, tmp_path: Path) -> None:
        reference = f"{closed_registry.host}/private/a:v1"
        for wrong in (None, Credential("pat", "wr0ng"), Credential(registry_token="wr0ng")):
            for act in (lambda c=wrong: check_push(reference, c), lambda c=wrong: push(layout, reference, c)):
                with pytest.raises(ConfigError) as caught:
                    act()
                assert (caught.value.reason, caught.value.exit_code) == ("PushDenied", 2)
                assert "wr0ng" not in str(caught.value)
            with pytest.raises(ConfigError) as caught:
                pull(reference, tmp_path / "to", wrong, sources=HERE)
            assert caught.value.reason == "PullDenied"
        digest = push(layout, reference, PAT)
        assert pull(reference, tmp_path / "to", PAT, sources=HERE) == digest
        assert same_adapter(tmp_path / "to", adapter)

    def test_the_check_before_a_push_leaves_nothing(self, closed_registry: DockerRegistry) -> None:
        assert closed_registry.begin_upload("preflight/a", PAT.username, PAT.password)
        begun = closed_registry.uploads()
        assert len(begun) == 1
        check_push(f"{closed_registry.host}/preflight/a:v1", PAT)
        assert closed_registry.uploads() == begun
        assert not list(closed_registry.storage.glob("**/preflight/a/_manifests"))

    def test_nothing_secret_is_logged_at_any_level(
        self, closed_registry: DockerRegistry, layout: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        push(layout, f"{closed_registry.host}/logged/a:v1", PAT)
        assert "pa55:word" not in caplog.text
        assert "cGF0OnBhNTU6d29yZA==" not in caplog.text
        assert "_state=" not in caplog.text
