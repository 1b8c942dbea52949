"""Adapters from images: pushed to the real docker-registry, loaded into the running server by their names."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.docker_registry import DockerRegistry, docker_registry
from tests.support.hf_server import KEY, RunningServer, running_server
from tests.support.tiny_models import ServedModels
from tests.support.transformers_reference import TransformersReference

from llmwright.artifacts.adapter_image import pack_adapter
from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.image_manifest import OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, Descriptor, as_json, read_image
from llmwright.artifacts.image_push import push
from llmwright.artifacts.layout import add_blob, set_image
from llmwright_runtime_hf.serve.http.adapter_routes import LOAD, UNLOAD

PROMPT = "the quick brown"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    yield from docker_registry(tmp_path_factory.mktemp("registry"))


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """A registry with a password."""
    yield from docker_registry(tmp_path_factory.mktemp("closed"), htpasswd=True)


@pytest.fixture(scope="module")
def logins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the server's logins, as a Secret is mounted there."""
    return tmp_path_factory.mktemp("logins")


@pytest.fixture(scope="module")
def served(
    models: ServedModels,
    registry: DockerRegistry,
    closed: DockerRegistry,
    logins: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningServer]:
    flags = ["--served-model-name", "tiny", "--threads", "1"]
    flags += [part for each in (closed, registry) for part in ("--adapter-registry", f"{each.host}/team")]
    log = tmp_path_factory.mktemp("served") / "log"
    with running_server(log, "--model", str(models.base), *flags, key=KEY, docker=logins) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture
def asking(served: RunningServer) -> Iterator[httpx.Client]:
    with served.client() as client:
        yield client


def pushed(
    registry: DockerRegistry, adapter: Path, repository: str, layout: Path, login: Credential | None = None
) -> str:
    pack_adapter(adapter, layout, f"{registry.host}/{repository}:1", "tiny")
    return str(push(layout, f"{registry.host}/{repository}:1", login))


def pushed_files(registry: DockerRegistry, folder: Path, repository: str, layout: Path) -> None:
    """Push what lies in ``folder`` as one layer, whatever it is."""
    archive = layout.with_suffix(".tar.gz")
    subprocess.run(["tar", "czf", archive, "-C", folder.parent, folder.name], check=True)
    layer = add_blob(layout, archive.read_bytes(), OCI_LAYER)
    config = add_blob(layout, as_json({"rootfs": {"diff_ids": []}}), OCI_CONFIG)
    about = {"config": config.as_json(), "layers": [layer.as_json()], "mediaType": OCI_MANIFEST, "schemaVersion": 2}
    stored = add_blob(layout, as_json(about), OCI_MANIFEST)
    entry = Descriptor(OCI_MANIFEST, stored.digest, stored.size)
    set_image(layout, entry, read_image(as_json(about), OCI_MANIFEST, str(layout)))
    push(layout, f"{registry.host}/{repository}:1", None)


def load(client: httpx.Client, image: str, name: str = "new") -> httpx.Response:
    return client.post(LOAD, json={"lora_name": name, "lora_path": f"oci://{image}"})


def complete(client: httpx.Client, model: str) -> str:
    answer = client.post("/v1/completions", json={"model": model, "prompt": PROMPT, "max_tokens": 30})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["text"])


def test_an_image_is_loaded_by_its_tag_and_by_its_digest(
    asking: httpx.Client,
    registry: DockerRegistry,
    models: ServedModels,
    reference: TransformersReference,
    tmp_path: Path,
) -> None:
    digest = pushed(registry, models.facts, "team/facts", tmp_path / "layout")
    for image in (f"{registry.host}/team/facts:1", f"{registry.host}/team/facts@{digest}"):
        answer = load(asking, image)
        assert (answer.status_code, answer.text) == (200, "Success: LoRA adapter 'new' added successfully.")
        assert complete(asking, "new") == reference.completion(PROMPT, 30, adapter="facts")
        assert asking.post(UNLOAD, json={"lora_name": "new"}).status_code == 200
    assert complete(asking, "tiny") == reference.completion(PROMPT, 30)


@pytest.mark.parametrize(
    ("image", "status", "said"),
    [
        ("REGISTRY/other/facts:1", 403, "REGISTRY/team (runtimeConfig.adapterRegistries)"),
        ("REGISTRY/teammate/facts:1", 403, "REGISTRY/team"),
        ("registry.example/team/facts:1", 403, "REGISTRY/team"),
        ("REGISTRY/team/../other/facts:1", 400, "is no image's name"),
        ("REGISTRY/team/absent:1", 400, "team/absent"),
        (f"REGISTRY/team/facts@sha256:{'0' * 64}", 400, "team/facts"),
        ("", 400, ""),
    ],
)
def test_other_images_are_refused(
    asking: httpx.Client, registry: DockerRegistry, image: str, status: int, said: str
) -> None:
    answer = load(asking, image.replace("REGISTRY", registry.host))

    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["param"] == "lora_path"
    assert said.replace("REGISTRY", registry.host) in error["message"]


def test_a_directory_is_refused_where_only_registries_are_named(asking: httpx.Client, models: ServedModels) -> None:
    answer = asking.post(LOAD, json={"lora_name": "new", "lora_path": str(models.facts)})

    assert (answer.status_code, answer.json()["error"]["param"]) == (403, "lora_path")
    assert "loaded from no directory" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("fault", "said"), [("pickle", "adapter_model.bin"), ("none", "it has no adapter_config.json")]
)
def test_only_adapters_as_safetensors_are_taken(
    asking: httpx.Client, registry: DockerRegistry, models: ServedModels, tmp_path: Path, fault: str, said: str
) -> None:
    data = tmp_path / "data"
    shutil.copytree(models.facts, data)
    if fault == "pickle":
        (data / "adapter_model.safetensors").rename(data / "adapter_model.bin")
    else:
        (data / "adapter_config.json").unlink()
    pushed_files(registry, data, f"team/{fault}", tmp_path / "layout")

    answer = load(asking, f"{registry.host}/team/{fault}:1")
    assert answer.status_code == 400
    assert said in answer.json()["error"]["message"]


def test_a_blob_that_is_not_the_one_of_its_digest_is_refused(
    asking: httpx.Client, registry: DockerRegistry, models: ServedModels, tmp_path: Path
) -> None:
    pushed(registry, models.rhymes, "team/changed", tmp_path / "layout")
    manifest: Any = json.loads(
        httpx.get(
            f"http://{registry.host}/v2/team/changed/manifests/1", headers={"Accept": OCI_MANIFEST}, trust_env=False
        ).text
    )
    digest = manifest["layers"][0]["digest"].removeprefix("sha256:")
    (blob,) = registry.storage.glob(f"**/{digest}/data")
    content = bytearray(blob.read_bytes())
    content[-20] ^= 1
    blob.write_bytes(content)

    answer = load(asking, f"{registry.host}/team/changed:1")
    assert answer.status_code == 400
    assert "digest" in answer.json()["error"]["message"]
    assert [model["id"] for model in asking.get("/v1/models").json()["data"]] == ["tiny"]


def test_a_registry_with_a_password_is_asked_with_the_login_of_the_secret(
    asking: httpx.Client,
    served: RunningServer,
    closed: DockerRegistry,
    logins: Path,
    models: ServedModels,
    reference: TransformersReference,
    tmp_path: Path,
) -> None:
    """Each load reads the logins again: a Secret that is corrected later needs no restart."""
    pushed(closed, models.facts, "team/facts", tmp_path / "layout", Credential(closed.USER, closed.PASSWORD))
    image, secrets = f"{closed.host}/team/facts:1", list[str]()

    def answered(password: str | None) -> httpx.Response:
        auths = {}
        if password is not None:
            both = base64.b64encode(f"{closed.USER}:{password}".encode()).decode()
            secrets.extend([both, password])
            auths = {closed.host: {"auth": both}}
        (logins / "team-registry.json").write_text(json.dumps({"auths": auths}))
        return load(asking, image)

    refusals = [answered(None), answered("wrong-word"), load(asking, image)]
    taken = answered(closed.PASSWORD)

    assert taken.status_code == 200, taken.text
    assert complete(asking, "new") == reference.completion(PROMPT, 30, adapter="facts")
    assert asking.post(UNLOAD, json={"lora_name": "new"}).status_code == 200
    assert [refusal.status_code for refusal in refusals] == [400, 400, 400]
    none, wrong, _ = (refusal.json()["error"]["message"] for refusal in refusals)
    assert f"log in to {closed.host}" in none
    assert "does not accept the login" in wrong
    assert none != wrong, "a wrong password is told from none"
    said = "".join(each.text for each in (*refusals, taken)) + served.log.read_text()
    assert not [secret for secret in secrets if secret in said]
