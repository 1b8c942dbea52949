"""Models as images, through a real registry, and the tools of others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from core.tests.artifacts.support.adapter_images import HERE, run
from core.tests.artifacts.support.models import PACKED, SHARDS, same_model, write_model
from core.tests.artifacts.support.registry_front import RegistryFront

from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.image_manifest import OCI_TAR
from llmwright.artifacts.image_pull import pull
from llmwright.artifacts.image_push import check_push, push_image
from llmwright.artifacts.model_image import ModelCard, check_model, model_files, model_image
from llmwright.errors import ConfigError, LLMwrightError

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

    from tests.support.docker_registry import DockerRegistry

pytestmark = pytest.mark.usefixtures("no_waiting")
ANYBODY = Credential("pat", "pa55:word")
CARD = ModelCard(name="mine", license="apache-2.0", source="https://huggingface.co/me/mine", revision="0" * 40)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model")


@pytest.fixture
def front(open_registry: DockerRegistry) -> Iterator[RegistryFront]:
    front = RegistryFront(open_registry)
    yield front
    front.close()


def pulled(reference: str, to: Path, **options: Any) -> str:
    return pull(reference, to, None, sources=HERE, resumable=True, check=check_model, **options)


def asked(front: RegistryFront, method: str, part: str) -> list[str]:
    return [path for verb, path, _ in front.seen if verb == method and part in path]


class TestImage:
    def test_one_layer_for_each_file_that_is_loaded(self, model: Path) -> None:
        image = model_image(model, CARD)
        manifest, config = json.loads(image.image.content), json.loads(image.config)
        assert [layer["annotations"]["org.opencontainers.image.title"] for layer in manifest["layers"]] == list(PACKED)
        assert {layer["mediaType"] for layer in manifest["layers"]} == {OCI_TAR}
        assert config["rootfs"]["diff_ids"] == [layer["digest"] for layer in manifest["layers"]]
        facts = {
            "sh.kaito.model.name": "mine",
            "org.opencontainers.image.licenses": "apache-2.0",
            "org.opencontainers.image.revision": "0" * 40,
            "org.opencontainers.image.source": "https://huggingface.co/me/mine",
        }
        assert manifest["annotations"] == config["config"]["Labels"] == facts

    def test_the_same_files_have_the_same_digest(self, model: Path, tmp_path: Path) -> None:
        copy = tmp_path / "elsewhere"
        shutil.copytree(model, copy)
        (copy / "config.json").touch()
        (copy / "config.json").chmod(0o600)
        assert model_image(copy, CARD).image.digest == model_image(model, CARD).image.digest

    def test_each_byte_is_counted(self, model: Path) -> None:
        counts: list[tuple[int, int | None]] = []
        image = model_image(model, CARD, lambda done, total: counts.append((done, total)))
        size = sum(layer.size for layer in image.image.layers)
        assert counts[-1] == (size, size)

    @pytest.mark.parametrize(
        ("removed", "words"),
        [("config.json", "is no model"), ("tokenizer.json", "no tokenizer"), (SHARDS[1], "is not there")],
    )
    def test_what_is_no_whole_model(self, model: Path, removed: str, words: str) -> None:
        (model / removed).unlink()
        with pytest.raises(ConfigError, match=words):
            model_files(model)

    @pytest.mark.parametrize("place", ["secret", "../blobs/secret"])
    def test_a_link_out_of_the_directory(self, model: Path, tmp_path: Path, place: str) -> None:
        """A folder ``blobs`` near it is the hub's only where the model's folder is a snapshot of the hub's."""
        model = shutil.copytree(model, tmp_path / "home/models/mine")
        secret = (model.parent / place).resolve()
        secret.parent.mkdir(exist_ok=True)
        secret.write_text("mine")
        (model / "vocab.json").symlink_to(secret)
        with pytest.raises(ConfigError, match="outside the model's directory"):
            model_files(model)

    def test_links_of_the_hubs_cache(self, model: Path, tmp_path: Path) -> None:
        blobs, snapshot = tmp_path / "models--me--mine/blobs", tmp_path / "models--me--mine/snapshots/abc"
        blobs.mkdir(parents=True)
        shutil.copytree(model, snapshot)
        (snapshot / "config.json").rename(blobs / "0a1b")
        (snapshot / "config.json").symlink_to("../../blobs/0a1b")
        assert model_image(snapshot, CARD).image.digest == model_image(model, CARD).image.digest


class TestRegistry:
    @pytest.mark.parametrize("chunk_bytes", [64_000, 10_000_000])
    def test_pushed_and_pulled(
        self, open_registry: DockerRegistry, model: Path, tmp_path: Path, chunk_bytes: int
    ) -> None:
        name = f"{open_registry.host}/models/{chunk_bytes}"
        digest = push_image(model_image(model, CARD), f"{name}:v1", None, chunk_bytes=chunk_bytes)
        assert pulled(f"{name}@{digest}", tmp_path / "to") == digest
        assert same_model(tmp_path / "to", model)

    def test_a_push_that_broke_goes_on(self, front: RegistryFront, model: Path) -> None:
        image, name = model_image(model, CARD), f"{front.host}/models/broken:v1"
        last = image.image.layers[5].digest.replace(":", "%3A")

        def refuse(request: BaseHTTPRequestHandler) -> tuple[int, dict[str, str], bytes] | None:
            return (500, {}, b"") if last in request.path else None

        front.routes = {"PUT /v2/": refuse}
        with pytest.raises(LLMwrightError):
            push_image(image, name, None)
        before = len(image.files) - len(asked(front, "PUT", "/uploads/")) + 3
        front.seen.clear()
        front.routes = {}
        push_image(image, name, None)
        assert len(asked(front, "PUT", "/uploads/")) == before + 1  # and the config

    def test_a_killed_pull_goes_on_at_its_byte(self, front: RegistryFront, model: Path, tmp_path: Path) -> None:
        name = f"{front.host}/models/killed:v1"
        image = model_image(model, CARD)
        push_image(image, name, None)
        front.seen.clear()
        shard = image.image.layers[4]

        def stop(done: int, total: int | None) -> None:
            if sum(layer.size for layer in image.image.layers[:4]) + 100_000 < done:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            pulled(name, tmp_path / "to", progress=stop)
        assert [path.name for path in (tmp_path / "to").iterdir()] == [".pulling"]
        (part,) = (tmp_path / "to/.pulling").glob("*.part")
        there = part.stat().st_size
        ranges: list[str] = []

        def note(request: BaseHTTPRequestHandler) -> None:
            ranges.append(request.headers.get("Range", ""))

        front.seen.clear()
        front.routes = {f"GET /v2/models/killed/blobs/{shard.digest}": note}
        pulled(name, tmp_path / "to")
        assert ranges == [f"bytes={there}-"]
        assert len(asked(front, "GET", "/blobs/")) == len(PACKED) - 4
        assert same_model(tmp_path / "to", model)

    def test_a_part_from_before_the_machine_restarted_is_not_trusted(
        self, front: RegistryFront, model: Path, tmp_path: Path
    ) -> None:
        name = f"{front.host}/models/boot:v1"
        push_image(model_image(model, CARD), name, None)

        def stop(done: int, total: int | None) -> None:
            if done > 100_000:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            pulled(name, tmp_path / "to", progress=stop)
        note = tmp_path / "to/.pulling/progress.json"
        note.write_text(json.dumps({**json.loads(note.read_text()), "boot": "another"}))
        front.seen.clear()
        pulled(name, tmp_path / "to")
        assert len(asked(front, "GET", "/blobs/")) == len(PACKED)
        assert same_model(tmp_path / "to", model)

    def test_a_restart_downloads_nothing(self, front: RegistryFront, model: Path, tmp_path: Path) -> None:
        name = f"{front.host}/models/again"
        digest = push_image(model_image(model, CARD), f"{name}:v1", None)
        pulled(f"{name}:v1", tmp_path / "to")
        front.seen.clear()
        assert pulled(f"{name}:v1", tmp_path / "to") == digest
        assert asked(front, "GET", "/blobs/") == []
        front.seen.clear()
        assert pulled(f"{name}@{digest}", tmp_path / "to") == digest
        assert front.seen == []
        (tmp_path / "to/config.json").write_text("{}")
        pulled(f"{name}:v1", tmp_path / "to")
        assert same_model(tmp_path / "to", model)

    def test_another_revision_leaves_nothing_of_the_first(
        self, open_registry: DockerRegistry, model: Path, tmp_path: Path
    ) -> None:
        name = f"{open_registry.host}/models/moved:v1"
        push_image(model_image(model, CARD), name, None)
        pulled(name, tmp_path / "to")
        (model / "LICENSE").rename(model / "COPYING")
        push_image(model_image(model, CARD), name, None)
        pulled(name, tmp_path / "to")
        assert {"COPYING"} == {path.name for path in (tmp_path / "to").iterdir()} & {"COPYING", "LICENSE"}

    def test_without_the_registry_what_was_pulled_is_used(
        self, open_registry: DockerRegistry, model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        front = RegistryFront(open_registry)
        name = f"{front.host}/models/gone:v1"
        digest = push_image(model_image(model, CARD), name, None)
        pulled(name, tmp_path / "to")
        front.close()
        assert pulled(name, tmp_path / "to") == digest
        assert "what was pulled before is used" in caplog.text

    def test_a_password_and_no_right(self, closed_registry: DockerRegistry, front: RegistryFront) -> None:
        with pytest.raises(ConfigError) as unknown:
            check_push(f"{closed_registry.host}/models/a:v1", None)
        assert (unknown.value.reason, "answered 401" in unknown.value.message) == ("PushDenied", True)
        assert unknown.value.hint.startswith("log in to")
        with pytest.raises(ConfigError) as wrong:
            check_push(f"{closed_registry.host}/models/a:v1", (Credential("pat", "mistyped"),))
        assert "does not accept the login that it was given" in wrong.value.hint
        assert "mistyped" not in f"{wrong.value.message}{wrong.value.hint}"
        front.routes = {"POST /v2/": lambda _: (403, {}, b"")}
        with pytest.raises(ConfigError) as forbidden:
            check_push(f"{front.host}/models/a:v1", (ANYBODY,))
        assert "answered 403" in forbidden.value.message
        assert "may not" in forbidden.value.hint


class TestTools:
    """Programs of others, in which an image is one as any other."""

    def test_skopeo_copies_it_and_tar_unpacks_it(
        self, open_registry: DockerRegistry, model: Path, tmp_path: Path
    ) -> None:
        skopeo = shutil.which("skopeo")
        if skopeo is None:
            pytest.skip("skopeo is not installed (Debian package skopeo)")
        name = f"{open_registry.host}/models/skopeo:v1"
        digest = push_image(model_image(model, CARD), name, None)
        about = json.loads(run(skopeo, "inspect", "--tls-verify=false", f"docker://{name}"))
        assert (about["Digest"], about["Os"], about["Labels"]["sh.kaito.model.name"]) == (digest, "linux", "mine")
        run(skopeo, "copy", "--insecure-policy", "--src-tls-verify=false", f"docker://{name}", f"dir:{tmp_path / 'd'}")
        (tmp_path / "root").mkdir()
        for layer in about["Layers"]:
            run("tar", "xf", tmp_path / "d" / layer.removeprefix("sha256:"), "-C", tmp_path / "root")
        assert same_model(tmp_path / "root/data", model)
