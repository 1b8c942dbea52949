"""Images of any layers, pulled and unpacked."""

from __future__ import annotations

import os
import platform
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from core.tests.artifacts.support.adapter_images import HERE, layer_of

from llmwright.artifacts.image_manifest import OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, as_json, sha256
from llmwright.artifacts.image_pull import pull
from llmwright.errors import ConfigError, LLMwrightError

if TYPE_CHECKING:
    from tests.support.docker_registry import DockerRegistry

HERE_PLATFORM = {"os": "linux", "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]}

pytestmark = pytest.mark.usefixtures("no_waiting")


class TestImages:
    """Images that others may have made, put into a real registry."""

    def put(
        self, registry: DockerRegistry, name: str, *layers: bytes, kind: str = OCI_LAYER, named: bool = True
    ) -> dict[str, Any]:
        config = as_json({"rootfs": {"diff_ids": []}})
        for content in (config, *layers):
            connection = HTTPConnection("127.0.0.1", registry.port)
            connection.request("POST", f"/v2/{name}/blobs/uploads/")
            place = connection.getresponse()
            place.read()
            connection.request("PUT", f"{place.headers['Location']}&digest={sha256(content)}", content)
            connection.getresponse().read()
            connection.close()
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": sha256(config), "size": len(config)},
            "layers": [{"mediaType": kind, "digest": sha256(one), "size": len(one)} for one in layers],
        }
        if not named:
            del manifest["mediaType"]
        return self.put_manifest(registry, name, "v1", as_json(manifest), OCI_MANIFEST)

    def put_manifest(self, registry: DockerRegistry, name: str, tag: str, content: bytes, kind: str) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", registry.port)
        connection.request("PUT", f"/v2/{name}/manifests/{tag}", content, {"Content-Type": kind})
        assert connection.getresponse().status == 201
        connection.close()
        return {"mediaType": kind, "digest": sha256(content), "size": len(content)}

    def test_data_sets_of_many_layers(self, open_registry: DockerRegistry, tmp_path: Path) -> None:
        base = layer_of(("etc/passwd", b"root"), ("data/old.csv", b"0"), ("data/train.csv", b"0"))
        self.put(open_registry, "set/many", base, layer_of(("data/train.csv", b"1"), ("data/.wh.old.csv", b"")))
        pull(f"{open_registry.host}/set/many:v1", tmp_path / "to", None, sources=HERE)
        assert [(path.name, path.read_bytes()) for path in (tmp_path / "to").iterdir()] == [("train.csv", b"1")]

    def test_an_index_of_platforms(self, open_registry: DockerRegistry, tmp_path: Path) -> None:
        entries = [
            self.put(open_registry, "set/index", layer_of(("data/a", arch.encode())))
            | {"platform": {"os": "linux", "architecture": arch}}
            for arch in ("s390x", "amd64", "arm64")
        ]
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        self.put_manifest(open_registry, "set/index", "all", as_json(index), OCI_INDEX)
        pull(f"{open_registry.host}/set/index:all", tmp_path / "to", None, sources=HERE)
        assert (tmp_path / "to/a").read_bytes() in (b"amd64", b"arm64")
        index["manifests"] = [{**entries[0], "platform": {"os": "plan9", "architecture": "mips"}}]
        self.put_manifest(open_registry, "set/index", "one", as_json(index), OCI_INDEX)
        pull(f"{open_registry.host}/set/index:one", tmp_path / "to", None, sources=HERE)
        assert (tmp_path / "to/a").read_bytes() == b"s390x"

    def test_an_image_among_artefacts_and_attestations(self, open_registry: DockerRegistry, tmp_path: Path) -> None:
        entry = self.put(open_registry, "set/built", layer_of(("data/a", b"1")), named=False)
        index: dict[str, Any] = {
            "schemaVersion": 2,
            "manifests": [
                {**entry, "artifactType": "application/vnd.example.sbom", "platform": HERE_PLATFORM},
                {**entry, "platform": {"os": "linux", "architecture": "riscv64"}},
                {**entry, "platform": {"os": "unknown", "architecture": "unknown"}},
            ],
        }
        self.put_manifest(open_registry, "set/built", "all", as_json(index), OCI_INDEX)
        outer = {
            "schemaVersion": 2,
            "manifests": [{"mediaType": OCI_INDEX, "digest": sha256(as_json(index)), "size": 9}],
        }
        self.put_manifest(open_registry, "set/built", "outer", as_json(outer), OCI_INDEX)
        for tag in ("all", "outer"):
            pull(f"{open_registry.host}/set/built:{tag}", tmp_path / tag, None, sources=HERE)
            assert (tmp_path / tag / "a").read_bytes() == b"1"
        index["manifests"] = index["manifests"][:1]
        self.put_manifest(open_registry, "set/built", "none", as_json(index), OCI_INDEX)
        with pytest.raises(ConfigError, match="no image for linux/"):
            pull(f"{open_registry.host}/set/built:none", tmp_path / "to", None, sources=HERE)

    def test_layers_of_no_bytes_are_empty_ones(self, open_registry: DockerRegistry, tmp_path: Path) -> None:
        self.put(open_registry, "set/empty", b"", layer_of(("data/a", b"1")), b"")
        pull(f"{open_registry.host}/set/empty:v1", tmp_path / "to", None, sources=HERE)
        assert (tmp_path / "to/a").read_bytes() == b"1"
        self.put(open_registry, "set/empty", b"")
        with pytest.raises(ConfigError, match="no directory /data"):
            pull(f"{open_registry.host}/set/empty:v1", tmp_path / "other", None, sources=HERE)

    @pytest.mark.parametrize(
        ("files", "reason"),
        [
            ([("elsewhere/x", b"1")], "BadImage"),
            ([("data/../../x", b"1")], "BadImage"),
            ([("data/zeros", bytes(1_000_000))], "TooLarge"),
            ([("data/adapter_config.json", b"{}"), ("data/adapter_model.bin", b"1")], "UnsafeWeights"),
        ],
    )
    def test_what_must_not_be_unpacked(
        self, open_registry: DockerRegistry, tmp_path: Path, files: list[tuple[str, bytes]], reason: str
    ) -> None:
        name = f"set/bad-{reason.lower()}-{files[0][0].count('.')}"
        self.put(open_registry, name, layer_of(("data/ok" if "data" in files[0][0] else "ok", b"1"), *files))
        with pytest.raises(LLMwrightError) as caught:
            pull(f"{open_registry.host}/{name}:v1", tmp_path / "to", None, sources=HERE, max_bytes=100_000)
        assert caught.value.reason == reason
        assert list((tmp_path / "to").iterdir()) == []
        assert [path.name for path in tmp_path.iterdir()] == ["to"]

    def test_an_image_over_the_limit_is_not_fetched(self, open_registry: DockerRegistry, tmp_path: Path) -> None:
        self.put(open_registry, "set/large", os.urandom(200_000))
        with pytest.raises(ConfigError, match="the image is larger"):
            pull(f"{open_registry.host}/set/large:v1", tmp_path / "to", None, sources=HERE, max_bytes=100_000)
