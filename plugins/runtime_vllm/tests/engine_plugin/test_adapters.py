"""Adapters that are loaded into the engine, on a server that answers and loads as the engine does."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from llmwright.plugins.drivers import Capabilities
from llmwright.testing.adapters import write_adapter
from llmwright.testing.endpoint_adapters import HotAdaptersContract
from llmwright.testing.http_answers import Answer, Client
from llmwright.testing.served_model import ServedModel
from llmwright.values.preset import Architecture
from llmwright_runtime_vllm.engine_plugin.adapters import BASE_VARIABLE, VARIABLE
from llmwright_runtime_vllm.engine_plugin.routes import Routes
from llmwright_runtime_vllm.plugin_files import copying

LOAD = "/v1/load_lora_adapter"
SIZES = Architecture(
    names=("LlamaForCausalLM",), layers=2, hidden_size=16, intermediate_size=32, attention_heads=2, kv_heads=1,
    head_dim=8, vocab_size=64,
)  # fmt: skip
BASE = {"sizes": {"q_proj": [0, 16], "v_proj": [0, 16]}, "complete": True, "layers": 2}


class LoadingEngine:
    """Loads whatever it is given; ``failure`` is what vLLM's worker says where it cannot."""

    def __init__(self, *, failure: str = "", errored: bool = False) -> None:
        self.failure = failure
        self.errored = errored
        self.asked: list[dict[str, Any]] = []
        self.names = ["tiny"]
        self.app = Starlette(
            routes=[
                Route(LOAD, self.load, methods=["POST"]),
                Route("/v1/unload_lora_adapter", self.unload, methods=["POST"]),
                Route("/v1/models", self.models),
                Route("/v1/chat/completions", self.chat, methods=["POST"]),
                *(Route(path, self.load, methods=["POST", "DELETE"]) for path in ("/adapters", "/adapters/{name}")),
            ]
        )

    async def load(self, request: Request) -> Response:
        body = json.loads(await request.body())
        self.asked.append(body)
        if self.failure:
            return _error(500, self.failure)
        if body["lora_name"] in self.names:
            return _error(400, "it has already been loaded, or conflicts with a served base model")
        self.names.append(body["lora_name"])
        return PlainTextResponse("Success")

    async def unload(self, request: Request) -> Response:
        self.names.remove(json.loads(await request.body())["lora_name"])
        return PlainTextResponse("Success")

    async def models(self, _: Request) -> Response:
        return JSONResponse({"data": [{"id": name} for name in self.names]})

    async def chat(self, request: Request) -> Response:
        name = json.loads(await request.body())["model"]
        return JSONResponse({}) if name in self.names else _error(404, f"The model `{name}` does not exist.")

    def client(self) -> httpx.AsyncClient:
        """Return a client of the server as it is with the plugin."""
        plugin = Routes()
        plugin.attach_router(self.app)
        asyncio.run(plugin.init_state(self, None, Namespace(api_key=["k3y"], max_lora_rank=16)))
        transport = httpx.ASGITransport(self.app)
        return httpx.AsyncClient(transport=transport, base_url="http://engine", headers={"authorization": "Bearer k3y"})


class InnerClient(Client):
    """The client of the laws, without a socket."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        super().__init__("engine", 80)
        object.__setattr__(self, "inner", client)

    def _ask(self, method: str, path: str, content: bytes | None, patience_s: float) -> Answer:
        inner: httpx.AsyncClient = self.__dict__["inner"]
        answer = asyncio.run(inner.request(method, path, content=content, timeout=patience_s))
        return Answer(answer.status_code, answer.headers.get("content-type", ""), answer.content)


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message, "type": "InternalServerError", "code": status}}, status)


def load(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return asyncio.run(client.post(LOAD, json=body))


@pytest.fixture
def hot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of adapters that the plugin knows, with the adapter ``good`` in it."""
    folder = tmp_path / "in"
    write_adapter(folder / "good", SIZES)
    monkeypatch.setenv(VARIABLE, str(folder))
    monkeypatch.setenv(BASE_VARIABLE, json.dumps(BASE))
    return folder


class TestHotAdapters(HotAdaptersContract):
    """The laws that every runtime with hot adapters keeps; ``tests/e2e/test_swap.py`` asks the real engine."""

    @pytest.fixture
    def served(self, hot: Path) -> ServedModel:
        client = InnerClient(LoadingEngine().client())
        able = Capabilities(adapters=True, hot_adapters=True)
        return ServedModel(client, "tiny", (), able, keeps_key=True, context=512, hot_adapter=hot / "good")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("in/good", 200),
        ("in/../in/good", 200),
        ("in", 403),
        ("out", 403),
        ("in/../out", 403),
        ("in/link", 403),
        ("in/empty", 400),
        ("in/absent", 400),
    ],
)
def test_adapters_are_loaded_from_the_named_directories_only(hot: Path, tmp_path: Path, path: str, status: int) -> None:
    write_adapter(tmp_path / "out", SIZES)
    (hot / "link").symlink_to(tmp_path / "out")
    (hot / "empty").mkdir()
    engine = LoadingEngine()
    body = {"lora_name": "own", "lora_path": str(tmp_path / path)}
    assert load(engine.client(), **body).status_code == status
    assert engine.asked == ([{**body, "lora_path": str(hot / "good")}] if status == 200 else [])


@pytest.mark.parametrize("path", ["acme/lora", "", 3, "a\0b", None])
def test_an_adapter_s_path_is_a_path(hot: Path, path: Any) -> None:
    engine = LoadingEngine()
    assert load(engine.client(), lora_name="own", lora_path=path).status_code in (400, 403)
    assert engine.asked == []


def test_there_is_no_way_around(hot: Path) -> None:
    engine = LoadingEngine()
    for path in ("/adapters", "/adapters/own"):
        assert asyncio.run(engine.client().post(path, json={"name": "a", "src": "/etc"})).status_code == 404
    assert engine.asked == []


def test_without_directories_nothing_is_loaded(tmp_path: Path) -> None:
    """Also where the engine's own variable is in the environment of who starts it."""
    engine = LoadingEngine()
    assert load(engine.client(), lora_name="a", lora_path=str(tmp_path / "a")).status_code == 403
    assert engine.asked == []


@pytest.mark.parametrize(("strength", "status"), [(None, 200), (1, 200), (1.0, 200), (0.5, 400), (True, 400)])
def test_a_strength_is_refused_and_not_dropped(hot: Path, strength: Any, status: int) -> None:
    engine = LoadingEngine()
    answer = load(engine.client(), lora_name="own", lora_path=str(hot / "good"), strength=strength)
    assert answer.status_code == status
    assert engine.asked == ([{"lora_name": "own", "lora_path": str(hot / "good")}] if status == 200 else [])
    if status != 200:
        assert answer.json()["error"]["param"] == "strength"


@pytest.mark.parametrize(
    ("failure", "errored", "status"),
    [
        ("The size of tensor a (64) must match the size of tensor b (32)", False, 400),
        ("vLLM does not yet support DoRA.", False, 400),
        ("CUDA out of memory. Tried to allocate 2.00 GiB", False, 500),
        ("EngineCore encountered an issue.", False, 500),
        ("The size of tensor a (64) must match", True, 500),
    ],
)
def test_an_adapter_that_the_engine_cannot_load_is_the_request_s_mistake(
    hot: Path, failure: str, errored: bool, status: int
) -> None:
    answer = load(
        LoadingEngine(failure=failure, errored=errored).client(), lora_name="own", lora_path=str(hot / "good")
    )
    assert answer.status_code == status
    assert failure in answer.json()["error"]["message"]


def test_of_an_unknown_base_the_files_are_judged_alone(hot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BASE_VARIABLE)
    write_adapter(hot / "torn", SIZES)
    (hot / "torn" / "adapter_model.safetensors").write_bytes(b"\0" * 9)
    client = LoadingEngine().client()
    assert load(client, lora_name="own", lora_path=str(hot / "good")).status_code == 200
    assert load(client, lora_name="torn", lora_path=str(hot / "torn")).status_code == 400


def test_it_judges_in_a_process_without_the_core(tmp_path: Path, hot: Path) -> None:
    """The files that are laid beside the engine import the standard library, starlette and each other."""
    folder = tmp_path / "volume"
    folder.mkdir()
    argv = [word.replace("$(volume.engine-plugin)", str(folder)) for word in copying("vllm").argv]
    subprocess.run(argv, check=True)
    code = (
        "import sys; sys.modules.update(llmwright=None, llmwright_runtime_vllm=None)\n"
        "from pathlib import Path\n"
        "from llmwright_engine_plugin import routes\n"
        "from llmwright_engine_plugin.adapter_files import BaseModel, judge\n"
        "judge(Path(sys.argv[1]), [], BaseModel.of_text('', 512)); print('judged')"
    )
    environ: Mapping[str, str] = {"PYTHONPATH": str(folder)}
    command = [sys.executable, "-c", code, str(hot / "good")]
    done = subprocess.run(command, env=environ, capture_output=True, text=True)
    assert done.stdout.split() == ["judged"], done.stderr
