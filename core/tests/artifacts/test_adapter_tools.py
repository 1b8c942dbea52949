"""Adapter images and the tools of others: skopeo, oras, docker."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from core.tests.artifacts.support.adapter_images import HERE, replace_manifest, run, same_adapter

from llmwright.artifacts.adapter_image import ADAPTER_FILES
from llmwright.artifacts.image_manifest import OCI_CONFIG, OCI_LAYER, as_json, sha256
from llmwright.artifacts.image_pull import pull
from llmwright.artifacts.image_push import push
from llmwright.artifacts.layout import blob_path, layout_image

if TYPE_CHECKING:
    from tests.support.docker_registry import DockerRegistry

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture(scope="session")
def oras() -> str:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    unpacker = Path(__file__).parents[4] / "shared" / "envtest" / "unpack"
    if assets is None and unpacker.is_file():
        assets = subprocess.run([sys.executable, unpacker], check=True, capture_output=True, text=True).stdout.strip()
    program = Path(assets or "") / "oras"
    if not (assets and program.is_file()):
        pytest.skip("the program oras is not there (KUBEBUILDER_ASSETS or ../shared/envtest)")
    return str(program)


@pytest.fixture(scope="session")
def skopeo() -> str:
    program = shutil.which("skopeo")
    if program is None:
        pytest.skip("skopeo is not installed (Debian package skopeo)")
    return program


class TestOtherTools:
    def test_skopeo_reads_the_layout(self, layout: Path, skopeo: str, tmp_path: Path) -> None:
        digest = layout_image(layout).digest
        assert json.loads(run(skopeo, "inspect", f"oci:{layout}:v1"))["Digest"] == digest
        run(skopeo, "copy", "--insecure-policy", f"oci:{layout}:v1", f"dir:{tmp_path / 'out'}")
        assert sha256((tmp_path / "out/manifest.json").read_bytes()) == digest

    def test_skopeo_reads_the_registry(self, open_registry: DockerRegistry, layout: Path, skopeo: str) -> None:
        digest = push(layout, f"{open_registry.host}/skopeo/a:v1", None)
        found = run(skopeo, "inspect", "--tls-verify=false", f"docker://{open_registry.host}/skopeo/a:v1")
        assert json.loads(found)["Digest"] == digest

    def test_oras_pulls_what_was_pushed(
        self, open_registry: DockerRegistry, layout: Path, adapter: Path, oras: str, tmp_path: Path
    ) -> None:
        reference = f"{open_registry.host}/oras/a:v1"
        digest = push(layout, reference, None)
        assert sha256(run(oras, "manifest", "fetch", "--plain-http", reference).encode()) == digest
        run(oras, "copy", "--from-plain-http", "--to-oci-layout", reference, f"{tmp_path / 'copy'}:v1")
        assert layout_image(tmp_path / "copy").digest == digest
        layer = layout_image(layout).layers[0].digest
        run(oras, "blob", "fetch", "--plain-http", "-o", tmp_path / "l.tgz", f"{open_registry.host}/oras/a@{layer}")
        run("tar", "xzf", tmp_path / "l.tgz", "-C", tmp_path)
        assert same_adapter(tmp_path / "data", adapter)

    def test_what_upstreams_pusher_makes_is_pulled(
        self, open_registry: DockerRegistry, adapter: Path, oras: str, tmp_path: Path
    ) -> None:
        work = tmp_path / "work"
        (work / "data").mkdir(parents=True)
        for name in ADAPTER_FILES:
            shutil.copy(adapter / name, work / "data")
        run("tar", "cf", "data.tar", "data", cwd=work)
        diff_id = sha256((work / "data.tar").read_bytes())
        run("gzip", "-9", "data.tar", cwd=work)
        (work / "config.json").write_text(json.dumps({"rootfs": {"diff_ids": [diff_id]}}))
        pushed = ("push", "--oci-layout", "lay:v1", "--config", f"config.json:{OCI_CONFIG}", f"data.tar.gz:{OCI_LAYER}")
        run(oras, *pushed, "--annotation", "sh.kaito.model.name=demo", cwd=work)
        target = f"{open_registry.host}/upstream/a:v1"
        run(oras, "cp", "--from-oci-layout", "lay:v1", "--to-plain-http", target, cwd=work)
        pull(target, tmp_path / "to", None, sources=HERE)
        assert same_adapter(tmp_path / "to", adapter)

    def test_docker_s_own_format_is_pulled(
        self, open_registry: DockerRegistry, layout: Path, adapter: Path, skopeo: str, tmp_path: Path
    ) -> None:
        target = f"{open_registry.host}/docker/a:v1"
        config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
        image = layout_image(layout)
        config["rootfs"] = json.loads(blob_path(layout, image.config.digest).read_bytes())["rootfs"] | {
            "type": "layers"
        }
        content = as_json(config)
        blob_path(layout, sha256(content)).write_bytes(content)
        manifest = json.loads(image.content)
        manifest["config"] |= {"digest": sha256(content), "size": len(content)}
        replace_manifest(layout, as_json(manifest))
        to = ("--dest-tls-verify=false", f"oci:{layout}:v1", f"docker://{target}")
        run(skopeo, "copy", "--insecure-policy", "--format", "v2s2", *to)
        pull(target, tmp_path / "to", None, sources=HERE)
        assert same_adapter(tmp_path / "to", adapter)
