"""A mirror without a network: filled by the lines that `images list` prints, it has what every pod names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.support import programs
from tests.support.docker_registry import DockerRegistry, docker_registry
from tests.support.empty_image import EmptyImage

from llmwright.app.images.needed import rendered_images
from llmwright.artifacts.image_push import push_image
from llmwright.version import __version__

PLAIN = {
    "skopeo": ("--src-tls-verify=false", "--dest-tls-verify=false"),
    "oras": ("--from-plain-http", "--to-plain-http"),
}
"""What the lines need besides, because the registries here have no certificate."""
NODES = {"instanceType": "Standard_NC24ads_A100_v4", "labelSelector": {"matchLabels": {"apps": "a"}}}
SERVED = {"preset": {"name": "phi-4-mini-instruct"}}
TUNED = {
    "preset": {"name": "phi-4-mini-instruct"},
    "method": "qlora",
    "input": {"urls": ["https://example.com/questions.parquet"]},
    "output": {"image": "registry.corp/team/adapter:1", "imagePushSecret": "push"},
}
ADAPTER = {"source": {"name": "terms", "image": "registry.corp/team/terms:1"}}
WORKSPACES: dict[str, dict[str, object]] = {
    "engine": {"inference": SERVED},
    "adapted": {"inference": {**SERVED, "adapters": [ADAPTER]}},
    "transformers": {"inference": {"preset": {"name": "demo"}, "runtime": "hf"}},
    "rays": {"inference": {**SERVED, "runtime": "ray"}},
    "tuned": {"tuning": TUNED},
}
"""One of each kind of pods."""


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """The registry in which others publish."""
    yield from docker_registry(tmp_path_factory.mktemp("others"))


@pytest.fixture(scope="module")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """The registry of a cluster without a network."""
    yield from docker_registry(tmp_path_factory.mktemp("mirror"))


@pytest.fixture
def settings(others: DockerRegistry, mirror: DockerRegistry, tmp_path: Path) -> Path:
    """A file of settings: every public image is one that the first registry has, one of them by its digest."""
    images = {}
    for role in ("vllm", "ray-llm", "llm-d-routing-sidecar", "device-plugin"):
        name = f"{others.host}/public/{role}:1"
        published = EmptyImage(name)
        push_image(published, name, None)
        images[role] = f"{name}@{published.image.digest}" if role == "vllm" else name
    file = tmp_path / "llmwright.yaml"
    file.write_text(json.dumps({"images": images, "imageRegistry": f"{mirror.host}/mirror"}))
    return file


@pytest.mark.parametrize("program", ["skopeo", "oras"])
def test_printed_lines_fill_the_mirror(program: str, settings: Path, mirror: DockerRegistry, tmp_path: Path) -> None:
    oras, tools = programs.assets("oras") / "oras", tmp_path / "bin"
    if shutil.which("skopeo") is None:
        pytest.skip("skopeo is not installed (Debian package skopeo)")
    tools.mkdir()
    (tools / "oras").symlink_to(oras)
    lines = llmwright(settings, "images", "list", "--copy-with", program)
    environ = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    spoken = lines.replace(f"{program} copy", f"{program} copy {' '.join(PLAIN[program])}")
    done = subprocess.run(["sh", "-e"], input=spoken, capture_output=True, text=True, env=environ, check=False)
    assert done.returncode == 0, lines + done.stderr
    listed = json.loads(llmwright(settings, "images", "list", "-o", "json"))
    public = [image for image in listed if not image["built"]]
    assert {image["role"] for image in public} == {"vllm", "ray-llm", "llm-d-routing-sidecar", "device-plugin"}
    for image in public:
        assert image["image"].startswith(f"{mirror.host}/mirror/127.0.0.1/public/")
        fetched = subprocess.run([oras, "manifest", "fetch", "--plain-http", image["image"]], check=False)
        assert fetched.returncode == 0, image


def test_pods_name_images_of_the_mirror_alone(settings: Path, mirror: DockerRegistry, tmp_path: Path) -> None:
    file = tmp_path / "workspaces.yaml"
    about = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "resource": NODES}
    each = [{**about, "metadata": {"name": name}, **part} for name, part in WORKSPACES.items()]
    file.write_text(yaml.safe_dump_all(each))
    objects = yaml.safe_load_all(llmwright(settings, "render", "--target", "kubernetes", "-f", str(file)))
    images = {image for manifest in objects for image in rendered_images(manifest)}
    assert {f"{mirror.host}/mirror/llmwright/workload:{__version__}"} < images
    assert {image for image in images if not image.startswith(f"{mirror.host}/mirror/")} == set()
    listed = json.loads(llmwright(settings, "images", "list", "-o", "json"))
    assert images <= {image["image"] for image in listed}


def llmwright(settings: Path, *arguments: str) -> str:
    """Run the command with these settings, and return what it printed."""
    command = [sys.executable, "-m", "llmwright", "--settings", str(settings), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
