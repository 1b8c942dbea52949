"""Models that no pack names: directories, the hub's cache, and a hub (a real server on loopback)."""

from __future__ import annotations

import json
import shutil
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.hub_client import GuardedHubClient
from llmwright.catalogue.model_description import can_describe, describe
from llmwright.errors import ConfigError, TargetError

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "dtype": "bfloat16",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "num_hidden_layers": 3,
    "max_position_embeddings": 256,
    "vocab_size": 100,
}
WEIGHTS = 10 * 6


def write_model(directory: Path, config: object = CONFIG) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    header = {"w": {"dtype": "BF16", "shape": [10, 6], "data_offsets": [0, 2 * WEIGHTS]}, "__metadata__": {}}
    data = json.dumps(header).encode()
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(data)) + data + bytes(2 * WEIGHTS))
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def test_a_directory_is_described_from_its_files(tmp_path: Path) -> None:
    preset = describe(write_model(tmp_path / "my model").as_uri())
    assert (preset.name, preset.source) == ("my model", (tmp_path / "my model").as_uri())
    assert (preset.parameters, preset.weight_bytes, preset.context) == (WEIGHTS, 2 * WEIGHTS, 256)
    assert preset.kv_bytes_per_token == 2 * 2 * (64 // 4) * 3 * 2
    assert preset.runtimes == ("vllm", "hf")
    assert preset.tunable


def test_latent_attention_nested_configs_and_quantisation(tmp_path: Path) -> None:
    nested = {key: value for key, value in CONFIG.items() if key not in ("architectures", "dtype")}
    config = {
        "architectures": ["NewModelForCausalLM"],
        "text_config": {**nested, "kv_lora_rank": 32, "qk_rope_head_dim": 8},
        "quantization_config": {"quant_method": "fp8"},
    }
    preset = describe(write_model(tmp_path / "m", config).as_uri())
    assert preset.kv_bytes_per_token == (32 + 8) * 3 * 2
    assert preset.quantization == "fp8"
    assert preset.runtimes == ("hf",), "an architecture that vLLM does not list is not refused for being unknown"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"num_hidden_layers": None}, "lacks num_hidden_layers"),
        ({"max_position_embeddings": None}, "lacks max_position_embeddings"),
        ({"hidden_size": -4}, "says hidden_size is -4"),
        ({"vocab_size": "many"}, "says vocab_size is 'many'"),
        ({"num_attention_heads": True}, "says num_attention_heads is True"),
        # A list with an entry for each would fill the memory.
        ({"num_hidden_layers": 2**31}, "says num_hidden_layers is 2147483648"),
        ({"architectures": []}, "names no architectures"),
        ({"architectures": "Llama"}, "names no architectures"),
    ],
)
def test_a_config_that_lies_is_told(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        describe(write_model(tmp_path / "m", {**CONFIG, **change}).as_uri())


def test_damaged_files_are_told(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "m")
    (directory / "config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"config\.json is no JSON"):
        describe(directory.as_uri())
    (directory / "model.safetensors").write_bytes(b"\x00\x01")
    with pytest.raises(ConfigError, match="is no safetensors file"):
        describe(directory.as_uri())
    (directory / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match="holds no safetensors"):
        describe(directory.as_uri())
    with pytest.raises(ConfigError, match="is not there"):
        describe((tmp_path / "nowhere").as_uri())


def test_a_pointer_of_git_lfs_is_no_weights(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 132\n"
    (write_model(tmp_path / "m") / "model.safetensors").write_bytes(pointer)
    with pytest.raises(ConfigError, match="is a pointer of Git LFS and no weights") as caught:
        describe((tmp_path / "m").as_uri())
    assert "git lfs pull" in caught.value.hint


def test_a_model_without_a_tokenizer_is_told(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "m")
    assert any("holds no tokenizer" in sentence for sentence in describe(directory.as_uri()).assumptions)
    (directory / "spiece.model").touch()
    assert describe(directory.as_uri()).assumptions == ()


def test_weights_that_lie_there_twice_count_once(tmp_path: Path) -> None:
    directory = write_model(tmp_path / "m")
    shutil.copy(directory / "model.safetensors", directory / "consolidated.safetensors")
    assert describe(directory.as_uri()).weight_bytes == 2 * WEIGHTS


def test_a_tensor_of_endless_dimensions_is_no_tensor(tmp_path: Path) -> None:
    weights = write_model(tmp_path / "m") / "model.safetensors"
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**40] * 50_000, "data_offsets": [0, 4]}}).encode()
    weights.write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(ConfigError, match="is no shape"):
        describe((tmp_path / "m").as_uri())


def test_weights_that_were_cut_short_are_told(tmp_path: Path) -> None:
    weights = write_model(tmp_path / "m") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ConfigError, match="is cut short"):
        describe((tmp_path / "m").as_uri())


def test_the_hub_cache_is_used_and_pins_the_commit(tmp_path: Path) -> None:
    repository = tmp_path / "hub" / "models--acme--tiny"
    write_model(repository / "snapshots" / "abc123")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("abc123")
    preset = describe("acme/Tiny".replace("T", "t"), environ={"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"})
    assert (preset.source, preset.revision) == ("hf://acme/tiny", "abc123")


def test_offline_is_said_clearly(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE forbids") as caught:
        describe("acme/tiny", environ={"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"})
    assert "llmwright presets list" in caught.value.hint


def test_what_is_no_model_name_is_refused() -> None:
    assert can_describe("acme/tiny")
    assert can_describe("file:///models/tiny")
    assert not can_describe("tiny")
    assert not can_describe("../etc/passwd")
    with pytest.raises(ConfigError, match="is not of the form org/name"):
        describe("a/b/c", environ={})


class Hub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        about = {
            "sha": "f00d",
            "gated": "manual",
            "cardData": {"license": "mit"},
            "safetensors": {"total": 61},
            "siblings": [{"rfilename": "model.safetensors", "size": 122}, {"rfilename": "README.md", "size": 9}],
        }
        answers = {
            "/api/models/acme/tiny/revision/main?blobs=true": about,
            "/acme/tiny/resolve/f00d/config.json": CONFIG,
        }
        status = 403 if "secret" in self.path else 200 if self.path in answers else 404
        if self.headers.get("authorization") not in (None, "Bearer t0ken"):
            status = 401
        body = b"<html>" if "broken" in self.path else json.dumps(answers.get(self.path, {})).encode()
        self.send_response(200 if "broken" in self.path else status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        return None


@pytest.fixture(scope="module")
def hub() -> Iterator[dict[str, str]]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HOME": "/nonexistent", "HF_TOKEN": "t0ken"}
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def client() -> Iterator[GuardedHubClient]:
    with GuardedHubClient(SourceRules()) as client:
        yield client


def test_the_hub_describes_a_model_in_two_requests(hub: dict[str, str], client: GuardedHubClient) -> None:
    preset = describe("acme/tiny", environ=hub, client=client)
    assert (preset.revision, preset.license, preset.gated) == ("f00d", "mit", True)
    assert (preset.parameters, preset.weight_bytes) == (61, 122)


@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        ("acme/nothing", ConfigError, "has no model acme/nothing"),
        ("acme/secret", ConfigError, "no access"),
        ("acme/broken", TargetError, "answered 200"),
    ],
)
def test_what_the_hub_refuses_is_told(
    hub: dict[str, str], client: GuardedHubClient, name: str, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told) as caught:
        describe(name, environ=hub, client=client)
    assert "t0ken" not in str(caught.value)


def test_a_hub_that_is_not_there_is_told(client: GuardedHubClient) -> None:
    environ = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": "/nonexistent"}
    with pytest.raises(TargetError, match=r"the model hub 127\.0\.0\.1:9 cannot be reached"):
        describe("acme/tiny", environ=environ, client=client)


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({"model_type": "odd", "auto_map": {"AutoConfig": "odd.OddConfig"}}, True),
        ({"auto_map": {"AutoConfig": "odd.OddConfig"}}, True),
        ({"model_type": "llama", "auto_map": {"AutoConfig": "odd.OddConfig"}}, False),
        ({"model_type": "odd"}, False),
        ({"model_type": ["odd"], "auto_map": 5}, True),
        ({}, False),
    ],
)
def test_a_model_with_code_of_its_own_needs_it_where_transformers_has_none(
    tmp_path: Path, fields: dict[str, Any], needs: bool
) -> None:
    assert describe(write_model(tmp_path / "m", {**CONFIG, **fields}).as_uri()).remote_code is needs
