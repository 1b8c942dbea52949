"""Adapters are loaded and unloaded while the server runs: vLLM's routes, and nobody else's tokens change."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psutil
import pytest
from starlette.testclient import TestClient
from tests.support.hf_server import RunningServer, metric
from tests.support.serve_options import options_for
from tests.support.tiny_models import ServedModels
from tests.support.transformers_reference import TransformersReference

from llmwright.errors import TargetError
from llmwright_runtime_hf.serve.engine.interface import EngineState
from llmwright_runtime_hf.serve.http.adapter_routes import LOAD, UNLOAD, AdapterChanges, LoadRequest
from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.routes import create_app
from llmwright_runtime_hf.serve.serve_options import AdapterSpec
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

PROMPT = "the quick brown"


STARTED = ["tiny", "facts", "rhymes", "facts.half"]


@pytest.fixture
def directory(adapter_directory: Path) -> Path:
    return adapter_directory


@pytest.fixture
def asking(server: RunningServer) -> Iterator[httpx.Client]:
    with server.client() as client:
        yield client
        for name in names(client)[len(STARTED) :]:
            client.post(UNLOAD, json={"lora_name": name})


def names(client: httpx.Client) -> list[str]:
    return [model["id"] for model in client.get("/v1/models").json()["data"]]


def load(client: httpx.Client, name: str, path: Path | str, **more: Any) -> httpx.Response:
    return client.post(LOAD, json={"lora_name": name, "lora_path": str(path), **more})


def complete(client: httpx.Client, model: str, tokens: int = 30) -> str:
    answer = client.post("/v1/completions", json={"model": model, "prompt": PROMPT, "max_tokens": tokens})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["text"])


def test_an_adapter_is_loaded_answers_and_is_unloaded(
    asking: httpx.Client, directory: Path, reference: TransformersReference
) -> None:
    base = complete(asking, "tiny")
    answer = load(asking, "new", directory / "facts")
    assert (answer.status_code, answer.text) == (200, "Success: LoRA adapter 'new' added successfully.")
    assert load(asking, "half", directory / "facts", strength=0.5).status_code == 200
    assert names(asking) == [*STARTED, "new", "half"]
    assert asking.get("/v1/models/new").json()["parent"] == "tiny"
    assert complete(asking, "new") == reference.completion(PROMPT, 30, adapter="facts")
    assert complete(asking, "half") == reference.completion(PROMPT, 30, adapter="facts", strength=0.5)
    assert complete(asking, "tiny") == base == reference.completion(PROMPT, 30)
    assert metric(asking, "llmwright_answers_total", model="new", finished_reason="length") == 1

    assert "has already been loaded" in load(asking, "new", directory / "rhymes").json()["error"]["message"]
    assert load(asking, "new", directory / "rhymes", load_inplace=True).status_code == 200
    assert complete(asking, "new") == reference.completion(PROMPT, 30, adapter="rhymes")

    answer = asking.post(UNLOAD, json={"lora_name": "new"})
    assert (answer.status_code, answer.text) == (200, "Success: LoRA adapter 'new' removed successfully.")
    assert names(asking) == [*STARTED, "half"]
    assert asking.post("/v1/completions", json={"model": "new", "prompt": "a"}).status_code == 404
    assert asking.post(UNLOAD, json={"lora_name": "new"}).status_code == 404
    assert complete(asking, "half") == reference.completion(PROMPT, 30, adapter="facts", strength=0.5)
    assert 'model="new"' not in asking.get("/metrics").text


def test_neither_a_load_nor_an_unload_changes_the_tokens_of_others(asking: httpx.Client, directory: Path) -> None:
    """Four answers of the base and of an adapter that is unloaded meanwhile, beside adapters that come and go."""
    assert load(asking, "new", directory / "facts").status_code == 200
    alone = {name: complete(asking, name, 150) for name in ("tiny", "new")}
    with ThreadPoolExecutor(4) as pool:
        for name in ("tiny", "new"):
            lines = _stream(asking, name)
            next(lines)
            under_way = [pool.submit(_text, lines)]
            under_way += [pool.submit(complete, asking, "tiny", 150) for _ in range(2)]
            for number in range(3):
                assert load(asking, f"more{number}", directory / "rhymes").status_code == 200
            assert asking.post(UNLOAD, json={"lora_name": "more1"}).status_code == 200
            if name == "new":
                assert asking.post(UNLOAD, json={"lora_name": "new"}).status_code == 200
                assert asking.post("/v1/completions", json={"model": "new", "prompt": "a"}).status_code == 404
            for other in ("more0", "more2"):
                assert asking.post(UNLOAD, json={"lora_name": other}).status_code == 200
            first, *others = [each.result() for each in under_way]
            assert alone[name].endswith(first)
            assert len(first) > len(alone[name]) - 20
            assert others == [alone["tiny"]] * 2


def _stream(client: httpx.Client, model: str) -> Iterator[str]:
    body = {"model": model, "prompt": PROMPT, "max_tokens": 150, "stream": True}
    with client.stream("POST", "/v1/completions", json=body) as answer:
        yield from (line.removeprefix("data: ") for line in answer.iter_lines() if line)


def _text(lines: Iterator[str]) -> str:
    events = [json.loads(line) for line in lines if line != "[DONE]"]
    assert not [event for event in events if "error" in event]
    return "".join(event["choices"][0]["text"] for event in events if event["choices"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("in", 403),
        ("out/facts", 403),
        ("in/../out/facts", 403),
        ("in/link", 403),
        ("in/absent", 400),
        ("in/linked-config", 400),
        ("in/pickle", 400),
        ("acme/lora", 403),
        ("", 403),
        ("a\0b", 400),
    ],
)
def test_adapters_are_loaded_from_the_named_directories_only(
    asking: httpx.Client, directory: Path, path: str, status: int
) -> None:
    root = directory.parent
    if not (directory / "link").exists():
        (directory / "link").symlink_to(root / "out" / "facts")
        for name, file in (("linked-config", "adapter_config.json"), ("pickle", "adapter_model.safetensors")):
            shutil.copytree(directory / "facts", directory / name)
            (directory / name / file).unlink()
        (directory / "linked-config" / "adapter_config.json").symlink_to(root / "out/facts/adapter_config.json")
        (directory / "pickle" / "adapter_model.bin").write_bytes(b"\x80\x04.")
    answer = load(asking, "own", f"{root}/{path}" if path.startswith(("in", "out")) else path)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["param"] == "lora_path"
    assert names(asking) == STARTED


@pytest.mark.parametrize("name", ["tiny", "facts", "", "../x", "a/b", "a b", "ü", ".hidden", "a\n", "x" * 300])
def test_names_that_nobody_could_tell_apart_are_refused(asking: httpx.Client, directory: Path, name: str) -> None:
    answer = load(asking, name, directory / "facts")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "lora_name"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"r": 9}, "rank is 9"),
        ({"bias": "all"}, "bias"),
        ({"auto_mapping": {"parent_library": "evil"}}, "evil"),
        ({"target_modules": ["q_proj", "query_key_value"]}, "query_key_value"),
        ({"lora_alpha": "x"}, "lora_alpha"),
        ({"target_modules": ["q_proj"]}, "do not match"),
        ({"rank_pattern": {"q_proj": 2}}, "size mismatch"),
    ],
)
def test_a_broken_adapter_is_refused_by_name_and_the_server_goes_on(
    asking: httpx.Client, directory: Path, changes: dict[str, Any], named: str
) -> None:
    broken = directory / "broken"
    shutil.rmtree(broken, ignore_errors=True)
    shutil.copytree(directory / "facts", broken)
    config = json.loads((broken / "adapter_config.json").read_text())
    (broken / "adapter_config.json").write_text(json.dumps({**config, **changes}))
    before = complete(asking, "tiny")
    answer = load(asking, "broken", broken)
    assert answer.status_code == 400
    assert named in answer.json()["error"]["message"]
    assert "adapter broken" in answer.json()["error"]["message"]
    assert complete(asking, "tiny") == before
    assert load(asking, "new", directory / "facts").status_code == 200


def test_the_routes_ask_the_key_and_know_their_fields(
    server: RunningServer, asking: httpx.Client, directory: Path
) -> None:
    with httpx.Client(base_url=server.url, trust_env=False) as stranger:
        assert load(stranger, "new", directory / "facts").status_code == 401
        assert stranger.post(UNLOAD, json={"lora_name": "new"}).status_code == 401
    assert asking.post(LOAD, json={"lora_name": "a"}).json()["error"]["param"] == "lora_path"
    assert load(asking, "a", directory / "facts", lora_alpha=3).json()["error"]["param"] == "lora_alpha"
    assert load(asking, "a", directory / "facts", strength=2).json()["error"]["param"] == "strength"
    assert load(asking, "a", directory / "facts", is_3d_lora_weight=True).status_code == 400
    assert asking.post(UNLOAD, json={"lora_name": "tiny"}).status_code == 404


def test_without_a_directory_there_is_no_route(tmp_path: Path) -> None:
    options = options_for(tmp_path)
    engine: Any = SimpleNamespace(state=EngineState("ready"), loaded=None, failure=None, full=False, served=options)
    client = TestClient(create_app(options, engine, ServerMetrics()), base_url="http://127.0.0.1")
    for path in (LOAD, UNLOAD):
        assert client.post(path, json={"lora_name": "a", "lora_path": str(tmp_path)}).status_code == 404


def test_an_adapter_that_cannot_generate_is_refused_by_name(models: ServedModels, tmp_path: Path) -> None:
    """Its files are right, and a kernel refuses them."""

    def load_adapter(spec: AdapterSpec) -> None:
        raise TargetError(f"{spec.name} is loaded and cannot generate: no kernel", hint="try another --dtype")

    served = SimpleNamespace(served_model_name="b", default_model="b", model_names=("b",))
    engine: Any = SimpleNamespace(load_adapter=load_adapter, served=served)
    with pytest.raises(ApiError, match="new is loaded and cannot generate: no kernel") as refused:
        asyncio.run(
            AdapterChanges(engine, [models.facts.parent]).load(
                LoadRequest(lora_name="new", lora_path=str(models.facts))
            )
        )
    assert (refused.value.status_code, refused.value.param) == (400, "lora_path")


@pytest.mark.slow
def test_many_loads_leave_no_memory_behind(server: RunningServer, asking: httpx.Client, directory: Path) -> None:
    def rounds(count: int) -> int:
        for _ in range(count):
            assert load(asking, "new", directory / "facts").status_code == 200
            assert asking.post(UNLOAD, json={"lora_name": "new"}).status_code == 200
        return int(psutil.Process(server.process.pid).memory_info().rss)

    first = rounds(40)
    assert rounds(160) - first < 8 * 2**20
