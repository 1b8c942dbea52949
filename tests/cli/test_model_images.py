"""``llmwright model push`` and ``pull``, with a real registry."""

from __future__ import annotations

import io
import json
import re
import shutil
import tarfile
from collections import namedtuple
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from core.tests.artifacts.support.models import PACKED, same_model, write_model
from huggingface_hub import constants
from tests.support.command import Run
from tests.support.docker_registry import closed_registry, open_registry
from tests.support.hub import Hub

import llmwright_presets
from llmwright.artifacts.image_manifest import OCI_CONFIG, OCI_MANIFEST, OCI_TAR, as_json, sha256

if TYPE_CHECKING:
    from tests.support.docker_registry import DockerRegistry

__all__ = ["closed_registry", "open_registry"]

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def here(here: Path) -> Path:
    """The working directory of a user who allows registries of this machine."""
    (here / "llmwright.yaml").write_text("sources: {allow: [127.0.0.1]}\n")
    return here


@pytest.fixture
def model(here: Path) -> Path:
    return write_model(here / "mine")


def put_image(registry: DockerRegistry, name: str, *layers: bytes, kind: str = OCI_TAR) -> str:
    """Put an image into the registry as a stranger may have made it, and return its address."""
    config = b"{}"
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
        "layers": [{"mediaType": kind, "digest": sha256(layer), "size": len(layer)} for layer in layers],
    }
    connection = HTTPConnection("127.0.0.1", registry.port)
    connection.request("PUT", f"/v2/{name}/manifests/v1", as_json(manifest), {"Content-Type": OCI_MANIFEST})
    assert connection.getresponse().status == 201
    connection.close()
    return f"oci://{registry.host}/{name}:v1"


def layer(*entries: tuple[str, bytes | str]) -> bytes:
    """Return a tar of files; a text is the target of a symbolic link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_there_and_back(open_registry: DockerRegistry, model: Path, run: Run, here: Path) -> None:
    pushed = run("model", "push", "mine", f"oci://{open_registry.host}/cli/mine:v1")
    assert pushed.code == 0, pushed.err
    name = pushed.out.strip()
    assert name.startswith(f"oci://{open_registry.host}/cli/mine@sha256:")
    assert "licence apache-2.0" in pushed.err
    assert re.search(r"^pushing: (\S+ KiB) of \1, \S+ .iB/s$", pushed.err, re.MULTILINE)
    pulled = run("model", "pull", name, "there")
    assert (pulled.code, pulled.out.strip()) == (0, name)
    assert same_model(here / "there", model)
    assert run("model", "pull", name, "there").code == 0


def test_a_password_from_dockers_config(closed_registry: DockerRegistry, model: Path, run: Run, here: Path) -> None:
    target = f"oci://{closed_registry.host}/cli/mine:v1"
    refused = run("model", "push", "mine", target)
    assert refused.code == 2
    assert "answered 401" in refused.err
    (here / "docker").mkdir()
    login = {"auths": {closed_registry.host: {"auth": "cGF0OnBhNTU6d29yZA=="}}}
    (here / "docker/config.json").write_text(json.dumps(login))
    (here / "llmwright.yaml").write_text("sources: {allow: [127.0.0.1]}\ndockerConfig: docker\n")
    pushed = run("model", "push", "mine", target)
    assert pushed.code == 0, pushed.err
    assert "pa55" not in pushed.err + pushed.out
    assert run("model", "pull", target, "there").code == 0


@pytest.mark.parametrize(
    ("licence", "stated", "words"),
    [
        ("", "", "README.md names none"),
        ("cc-by-nc-4.0", "", "the licence cc-by-nc-4.0 of mine does not let everybody hand on copies: see"),
        ("llama3.1", "mit", "mine is under the licence llama3.1, and not mit"),
        ("llama3.1", "llama3.1", None),
        ("", "mine-own", None),
        ("mit", "", None),
    ],
)
def test_licences(
    open_registry: DockerRegistry, here: Path, run: Run, licence: str, stated: str, words: str | None
) -> None:
    write_model(here / "mine", licence)
    option = ("--license", stated) if stated else ()
    ended = run("model", "push", "mine", f"oci://{open_registry.host}/cli/licences:v1", *option)
    if words is None:
        assert ended.code == 0, ended.err
        assert f"licence {licence or stated}" in ended.err
    else:
        assert ended.code == 2
        assert words in ended.err
        assert "--license" in ended.err


def test_a_preset_by_its_name_there_and_back(open_registry: DockerRegistry, run: Run, here: Path) -> None:
    pushed = run("model", "push", "demo", f"oci://{open_registry.host}/cli/demo:v1")
    assert pushed.code == 0, pushed.err
    assert run("model", "pull", pushed.out.strip(), "to").code == 0
    demo = Path(llmwright_presets.__file__).parent / "demo"
    names = ("config.json", "model.safetensors", "tokenizer.json")
    assert all((here / "to" / name).read_bytes() == (demo / name).read_bytes() for name in names)


def test_a_preset_of_a_licence_with_conditions(open_registry: DockerRegistry, run: Run) -> None:
    target = f"oci://{open_registry.host}/cli/presets:v1"
    refused = run("model", "push", "meta-llama/Llama-3.1-8B-Instruct", target)
    assert refused.code == 2
    absent = run("model", "push", "phi-4-mini-instruct", target)
    assert absent.code == 2
    assert "hf download microsoft/Phi-4-mini-instruct --revision" in absent.err


def test_a_model_of_the_hub_is_fetched_first(
    open_registry: DockerRegistry, run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub()
    hub.add("acme/tiny", write_model(here / "origin"))
    (here / "llmwright.yaml").write_text("sources: {allow: [127.0.0.1, localhost]}\n")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(here.parent / "cache"))
    pushed = run("model", "push", "acme/tiny", f"oci://{open_registry.host}/cli/hub:v1")
    hub.close()
    assert pushed.code == 0, pushed.err
    assert set(hub.downloads) == set(PACKED)
    assert run("model", "pull", pushed.out.strip(), "to").code == 0
    assert same_model(here / "to", here / "origin")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("push", "mine", "registry.example.com/a:v1"), "write oci://REGISTRY"),
        (("push", "mine", "oci://HOST/A:v1"), "upper-case letters"),
        (("push", "nowhere", "oci://{host}/a:v1"), "nowhere"),
        (("push", "empty", "oci://{host}/a:v1"), "holds no safetensors"),
        (("pull", "oci://{host}/cli/none:v1", "to"), "the registry answered 404"),
        (("pull", "oci://{host}/cli/none:v1", "mine"), "mine is not empty: it holds"),
        (("pull", "oci://{host}/cli/none:v1", "mine/LICENSE"), "is a file"),
        (("pull", "oci://10.1.2.3/cli/none:v1", "to"), "sources.allow"),
    ],
)
def test_mistakes(
    open_registry: DockerRegistry, model: Path, run: Run, here: Path, arguments: tuple[str, ...], words: str
) -> None:
    (here / "empty").mkdir()
    ended = run("model", *(part.format(host=open_registry.host) for part in arguments))
    assert ended.code == 2, ended.err
    assert words in ended.err
    assert "Traceback" not in ended.err
    assert not (here / "to").exists() or list((here / "to").iterdir()) == []


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ((("data/../../evil", b"1"),), "leads out of the image"),
        ((("/etc/evil", b"1"),), "leads out of the image"),
        ((("data/model.safetensors", "/etc/passwd"),), "is a link"),
        ((("data/train.jsonl", b"{}"),), "holds no model: its /data has no config.json"),
        ((("models/config.json", b"{}"),), "no directory /data"),
        ((("data/config.json", b"{}"), ("data/pytorch_model.bin", b"1")), "only safetensors are loaded"),
        ((("data/config.json", b"{}"), ("data/model.safetensors", b"1")), "no tokenizer"),
    ],
)
def test_images_that_are_no_models(
    open_registry: DockerRegistry, run: Run, here: Path, entries: tuple[tuple[str, bytes | str], ...], words: str
) -> None:
    ended = run("model", "pull", put_image(open_registry, "cli/strange", layer(*entries)), "to")
    assert ended.code == 2, ended.err
    assert words in ended.err
    assert list((here / "to").iterdir()) == []
    assert not (here.parent / "evil").exists()


def test_an_artefact_of_another_kind_is_not_fetched(open_registry: DockerRegistry, run: Run, here: Path) -> None:
    name = put_image(open_registry, "cli/artefact", b"GGUF", kind="application/vnd.example.gguf")
    ended = run("model", "pull", name, "to")
    assert ended.code == 2
    assert "layers of type 'application/vnd.example.gguf' cannot be unpacked" in ended.err


def test_a_layer_that_was_changed_in_the_registry(
    open_registry: DockerRegistry, model: Path, run: Run, here: Path
) -> None:
    name = run("model", "push", "mine", f"oci://{open_registry.host}/cli/changed:v1").out.strip()
    (blob,) = (
        path
        for path in open_registry.storage.glob("docker/registry/v2/blobs/sha256/*/*/data")
        if b"do as you like" in path.read_bytes()
    )
    content = blob.read_bytes()
    blob.write_bytes(content.replace(b"do as you", b"do as we!"))
    try:
        ended = run("model", "pull", name, "to")
    finally:
        blob.write_bytes(content)
    assert ended.code == 2
    assert "has digest sha256:" in ended.err
    assert list((here / "to").iterdir()) == []


def test_a_full_disk(
    open_registry: DockerRegistry, model: Path, run: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = run("model", "push", "mine", f"oci://{open_registry.host}/cli/full:v1").out.strip()
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 1000))
        ended = run("model", "pull", name, "to")
    assert ended.code == 2
    assert "no disk space under" in ended.err
    assert run("model", "pull", name, "to").code == 0
    assert same_model(here / "to", model)
