"""Adapters packed as an image layout."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from llmwright.artifacts.adapter_image import ADAPTER_FILES, pack_adapter
from llmwright.artifacts.image_manifest import OCI_CONFIG, OCI_LAYER, sha256
from llmwright.artifacts.image_push import push
from llmwright.artifacts.layout import blob_path, layout_image
from llmwright.errors import ConfigError
from llmwright.plugins.adapter_files import safetensors

pytestmark = pytest.mark.usefixtures("no_waiting")


class TestLayout:
    def test_it_is_upstreams_adapter_image(self, layout: Path, adapter: Path) -> None:
        image = layout_image(layout)
        manifest = json.loads(image.content)
        assert manifest["annotations"] == {"sh.kaito.model.name": "demo"}
        assert [layer["mediaType"] for layer in manifest["layers"]] == [OCI_LAYER]
        assert manifest["config"]["mediaType"] == OCI_CONFIG
        packed = blob_path(layout, image.layers[0].digest).read_bytes()
        config = json.loads(blob_path(layout, image.config.digest).read_bytes())
        assert config == {"rootfs": {"diff_ids": [sha256(gzip.decompress(packed))]}}
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            members = archive.getmembers()
        assert [member.name for member in members] == ["data", *(f"data/{name}" for name in ADAPTER_FILES)]
        assert all((m.uid, m.gid, m.mtime, m.uname) == (0, 0, 0, "") for m in members)
        assert packed[4:8] == bytes(4)
        index = json.loads((layout / "index.json").read_text())
        assert index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] == "v1"
        assert json.loads((layout / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}

    def test_packing_again_gives_the_same_bytes(self, layout: Path, adapter: Path, tmp_path: Path) -> None:
        before = {path: path.read_bytes() for path in layout.rglob("*") if path.is_file()}
        os.utime(adapter / ADAPTER_FILES[0], (1, 1))
        digest = pack_adapter(adapter, layout, "team/adapter:v1", "demo")
        assert {path: path.read_bytes() for path in layout.rglob("*") if path.is_file()} == before
        assert pack_adapter(adapter, tmp_path / "other", "team/adapter:v1", "demo") == digest

    def test_the_files_of_its_serving_are_packed_with_it(self, adapter: Path, tmp_path: Path) -> None:
        shutil.copytree(adapter, tmp_path / "own")
        for name in ("chat_template.jinja", "generation_config.json", "loss.png"):
            (tmp_path / "own" / name).write_text(name)
        pack_adapter(tmp_path / "own", tmp_path / "layout", "team/adapter:v1", "demo")
        packed = blob_path(tmp_path / "layout", layout_image(tmp_path / "layout").layers[0].digest).read_bytes()
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            names = [member.name.removeprefix("data/") for member in archive.getmembers()]
        assert names == ["data", *ADAPTER_FILES, "chat_template.jinja", "generation_config.json"]

    def test_a_changed_adapter_replaces_the_old_blobs(self, layout: Path, adapter: Path) -> None:
        (adapter / ADAPTER_FILES[1]).write_bytes(safetensors({"new": ("U8", (1,), b"n")}))
        digest = pack_adapter(adapter, layout, "team/adapter:v2", "demo")
        assert layout_image(layout).digest == digest
        assert len(list((layout / "blobs/sha256").iterdir())) == 3

    @pytest.mark.parametrize("name", ADAPTER_FILES)
    def test_an_incomplete_adapter_is_refused(self, adapter: Path, tmp_path: Path, name: str) -> None:
        for gone in (False, True):
            (adapter / name).write_bytes(b"")
            if gone:
                (adapter / name).unlink()
            with pytest.raises(ConfigError, match=name) as caught:
                pack_adapter(adapter, tmp_path / "layout", "a:1", "demo")
            assert caught.value.reason == "AdapterIncomplete"
        assert not (tmp_path / "layout").exists()

    def test_a_config_that_is_no_json(self, adapter: Path, tmp_path: Path) -> None:
        (adapter / ADAPTER_FILES[0]).write_text("no")
        with pytest.raises(ConfigError, match="no JSON object"):
            pack_adapter(adapter, tmp_path / "layout", "a:1", "demo")

    def test_damaged_layouts_are_not_pushed(self, layout: Path, tmp_path: Path) -> None:
        image = layout_image(layout)
        spoils = {
            "oci-layout": b"{}",
            "index.json": b'{"manifests": []}',
            f"blobs/sha256/{image.layers[0].digest[7:]}": b"x" * image.layers[0].size,
            f"blobs/sha256/{image.config.digest[7:]}": b"",
            f"blobs/sha256/{image.digest[7:]}": b"{}",
        }
        for number, (name, content) in enumerate(spoils.items()):
            copy = shutil.copytree(layout, tmp_path / str(number))
            (copy / name).write_bytes(content)
            with pytest.raises(ConfigError) as caught:
                push(copy, "127.0.0.1:1/a:1", None)
            assert caught.value.reason in ("BadImage", "DigestMismatch")
        with pytest.raises(ConfigError, match="oci-layout cannot be read"):
            push(tmp_path / "none", "127.0.0.1:1/a:1", None)
