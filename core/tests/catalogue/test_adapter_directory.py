"""An adapter's files are read within bounds, and what would run code or change the base is refused by name."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from llmwright.catalogue.adapter_directory import read_adapter, refuse_links
from llmwright.catalogue.weight_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from llmwright.errors import ConfigError
from llmwright.testing.adapters import write_adapter
from llmwright.values.preset import Architecture

SIZES = Architecture(
    names=("LlamaForCausalLM",), layers=2, hidden_size=64, intermediate_size=128, attention_heads=4, kv_heads=2,
    head_dim=16, vocab_size=100,
)  # fmt: skip
UNSLOTH = (
    r"(?:.*?(?:language|text).*?(?:self_attn|attention|attn|mlp|feed_forward|ffn|dense).*?(?:q_proj|k_proj).*?)"
    r"|(?:\bmodel\.layers\.[\d]{1,}\.(?:self_attn|mlp)\.(?:(?:q_proj|k_proj)))"
)


def adapter(tmp_path: Path, **changes: Any) -> Path:
    return write_adapter(tmp_path / "adapter", SIZES, **changes)


def refusal(directory: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        read_adapter(directory, "adapter a")
    assert caught.value.message.startswith(("adapter a", str(directory)))
    assert "\n" not in caught.value.message
    return caught.value.message


def test_an_adapter_is_read_without_its_weights(tmp_path: Path) -> None:
    read = read_adapter(adapter(tmp_path, base_model_name_or_path="acme/base", rank_pattern={"q_proj": 7}), "adapter a")
    assert (read.base, read.rank, read.targets) == ("acme/base", 7, ("q_proj", "v_proj"))
    assert read.shapes["base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight"] == (32, 4)


@pytest.mark.parametrize("targets", ["all-linear", UNSLOTH, r".*\.(q|v)_proj"])
def test_expressions_for_layers_are_taken(tmp_path: Path, targets: str) -> None:
    assert read_adapter(adapter(tmp_path, target_modules=targets), "adapter a").targets == ()


def test_the_mapping_that_peft_writes_without_a_task_is_taken(tmp_path: Path) -> None:
    mapping = {"base_model_class": "LlamaForCausalLM", "parent_library": "transformers.models.llama.modeling_llama"}
    assert read_adapter(adapter(tmp_path, auto_mapping=mapping, task_type=None), "adapter a").rank == 4


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"peft_type": "PREFIX_TUNING"}, "PREFIX_TUNING"),
        ({"peft_type": None}, "None"),
        ({"alora_invocation_tokens": [1]}, "cannot be switched"),
        ({"r": 0}, "rank 0"),
        ({"r": "8"}, "rank '8'"),
        ({"r": True}, "rank True"),
        ({"rank_pattern": {"q": -1}}, "rank -1"),
        ({"rank_pattern": "x"}, "rank_pattern"),
        ({"alpha_pattern": [1]}, "alpha_pattern"),
        ({"lora_alpha": float("nan")}, "lora_alpha nan"),
        ({"lora_alpha": None}, "lora_alpha None"),
        ({"target_modules": []}, "target_modules"),
        ({"target_modules": [1]}, "target_modules"),
        ({"target_modules": None}, "target_modules"),
        ({"auto_mapping": {"base_model_class": "X", "parent_library": "evil.code"}}, "evil.code"),
        ({"auto_mapping": {"parent_library": "transformers_modules.acme"}}, "transformers_modules"),
        ({"auto_mapping": "evil"}, "auto_mapping"),
        ({"auto_map": {"AutoModel": "x.Y"}}, "auto_map"),
        ({"megatron_config": {"a": 1}, "megatron_core": "evil"}, "megatron_config"),
        ({"trust_remote_code": True}, "trust_remote_code"),
        ({"bias": "all"}, "bias 'all'"),
        ({"layer_replication": [[0, 2]]}, "layer_replication"),
        ({"init_lora_weights": "pissa_niter_4"}, "pissa"),
        ({"target_modules": "((a+)b?)+$"}, "for ever"),
        ({"target_modules": "(?:a|a)*$"}, "for ever"),
        ({"target_modules": ".*.*.*.*.*.*x"}, "for ever"),
        ({"rank_pattern": {"(a*)*x": 4}}, "for ever"),
    ],
)
def test_a_config_that_asks_for_more_is_refused(tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    assert named in refusal(adapter(tmp_path, **changes))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (None, "has no adapter_config.json"),
        (b"{", "is no JSON"),
        (b"[]", "holds no JSON object"),
        (b"[" * 100_000, "is no JSON"),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "deep"),
        (b" " * 2**20 + b"{}", "larger than"),
        (b'{"r": ' + b"9" * 5000 + b"}", "5,000 digits"),
    ],
)
def test_a_damaged_or_endless_config_is_refused(tmp_path: Path, content: bytes | None, named: str) -> None:
    directory = adapter(tmp_path)
    (directory / ADAPTER_CONFIG).unlink()
    if content is not None:
        (directory / ADAPTER_CONFIG).write_bytes(content)
    if named == "is no JSON":
        assert "JSON" in refusal(directory) or "deep" in refusal(directory)
    else:
        assert named in refusal(directory)


def test_pickles_and_torn_weights_are_refused(tmp_path: Path) -> None:
    directory = adapter(tmp_path)
    weights = directory / ADAPTER_WEIGHTS
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    assert "its header names" in refusal(directory)
    weights.write_bytes(struct.pack("<Q", 40) + json.dumps({"t": {"data_offsets": [0, 0]}}).encode().ljust(40))
    assert "without a shape" in refusal(directory)
    weights.unlink()
    (directory / "adapter_model.bin").write_bytes(b"\x80\x04.")
    assert "adapter_model.bin" in refusal(directory)


def test_links_out_of_the_directories_are_refused(tmp_path: Path) -> None:
    directory = adapter(tmp_path)
    (tmp_path / "blob").write_bytes((directory / ADAPTER_CONFIG).read_bytes())
    (directory / ADAPTER_CONFIG).unlink()
    (directory / ADAPTER_CONFIG).symlink_to(tmp_path / "blob")
    refuse_links(directory, [tmp_path], "adapter a")
    with pytest.raises(ConfigError, match=r"its adapter_config\.json is a link"):
        refuse_links(directory, [directory], "adapter a")
