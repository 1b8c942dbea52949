"""Weights are safetensors; what is there instead is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llmwright.catalogue.weight_files import (
    check_adapter_weights,
    check_safetensors,
    loaded_names,
    model_weights,
    other_weights,
)
from llmwright.errors import ConfigError
from llmwright.plugins.adapter_files import safetensors


def directory_of(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).write_bytes(b"{}")
    return root


@pytest.mark.parametrize(
    "name",
    [
        "pytorch_model.bin",
        "pytorch_model-00001-of-00002.bin",
        "model.pt",
        "model.PTH",
        "tf_model.h5",
        "model.pkl",
        "a.gguf",
    ],
)
def test_other_weights_of_a_model_are_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(
        ConfigError, match=f"the model holds {name} and no safetensors weights: only safetensors"
    ) as error:
        model_weights(directory_of(tmp_path, name, "config.json", "training_args.bin"), "the model")
    assert error.value.reason == "UnsafeWeights"


def test_a_pickle_beside_safetensors_is_left_alone(tmp_path: Path) -> None:
    model_weights(directory_of(tmp_path, "model.safetensors", "pytorch_model.bin"), "the model")
    check_adapter_weights(directory_of(tmp_path, "adapter_model.safetensors", "adapter_model.bin"), "the adapter")


def test_other_weights_of_an_adapter_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the adapter holds adapter_model\.bin and no adapter_model\.safetensors"):
        check_adapter_weights(directory_of(tmp_path, "adapter_model.bin"), "the adapter")


def test_nothing_at_all_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the model holds no safetensors weights"):
        model_weights(directory_of(tmp_path, "config.json"), "the model")


@pytest.mark.parametrize("shard", ["pytorch_model.bin", "../other/model.safetensors", "/model.safetensors", 5, None])
def test_an_index_leads_to_safetensors_in_the_same_directory(tmp_path: Path, shard: object) -> None:
    directory_of(tmp_path, "model-00001-of-00001.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model-00001-of-00001.safetensors"}}))
    model_weights(tmp_path, "the model")

    index.write_text(json.dumps({"weight_map": {"a": shard}}))
    with pytest.raises(ConfigError, match=r"index\.json names"):
        model_weights(tmp_path, "the model")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": 5}', '{"weight_map": null}', "[" * 100_000])
def test_a_damaged_index_is_left_to_its_loader(tmp_path: Path, content: str) -> None:
    directory_of(tmp_path, "model.safetensors")
    (tmp_path / "model.safetensors.index.json").write_text(content)

    model_weights(tmp_path, "the model")


def test_the_files_that_a_loader_reads(tmp_path: Path) -> None:
    directory_of(tmp_path, "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "x.safetensors")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {name: f"model-0000{name}-of-00002.safetensors" for name in "1221"}}))
    assert [path.name for path in model_weights(tmp_path, "m")] == [
        "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
    ]  # fmt: skip
    directory_of(tmp_path, "model.safetensors")
    assert [path.name for path in model_weights(tmp_path, "m")] == ["model.safetensors"]


def test_weights_that_no_loader_finds_are_told(tmp_path: Path) -> None:
    """Shards without their index, and a format of another library."""
    for name in ("model-00001-of-00002.safetensors", "consolidated.safetensors"):
        (tmp_path / name).mkdir()
        with pytest.raises(
            ConfigError, match=rf"m holds {name}, and neither model\.safetensors nor model\.safetensors\.in"
        ):
            model_weights(directory_of(tmp_path / name, name), "m")


def test_a_shard_that_the_index_names_must_be_there(tmp_path: Path) -> None:
    directory_of(tmp_path, "model-00001-of-00003.safetensors")
    names = {name: f"model-0000{name}-of-00003.safetensors" for name in "123"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    with pytest.raises(ConfigError, match=r"m: its file model-00002-of-00003\.safetensors \(and 1 more\) is not there"):
        model_weights(tmp_path, "m")


def test_a_link_to_nothing_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").symlink_to(tmp_path / "blobs" / "gone")
    with pytest.raises(ConfigError, match=r"its file model\.safetensors is a link to a file that is not there"):
        model_weights(tmp_path, "m")


def test_an_adapter_beside_a_model_would_replace_it(tmp_path: Path) -> None:
    """transformers loads the base that adapter_config.json names, and the adapter into it."""
    directory_of(tmp_path, "model.safetensors", "adapter_config.json", "adapter_model.safetensors")
    with pytest.raises(ConfigError, match=r"m holds adapter_config\.json beside a model"):
        model_weights(tmp_path, "m")


def test_a_format_that_is_no_pickle_is_not_called_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"m holds a\.gguf and no safetensors") as caught:
        model_weights(directory_of(tmp_path, "a.gguf"), "m")
    assert "pickle" not in caught.value.hint


@pytest.mark.parametrize(
    ("names", "loaded"),
    [
        (["model.safetensors", "consolidated.safetensors", "original/model.safetensors"], ["model.safetensors"]),
        (
            ["original/model.safetensors", "model-00002-of-00002.safetensors", "model-00001-of-00002.safetensors"],
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"],
        ),
        (["weights.safetensors", "a.bin"], ["weights.safetensors"]),
        (["a.bin"], []),
    ],
)
def test_the_same_weights_in_another_form_count_once(names: list[str], loaded: list[str]) -> None:
    assert list(loaded_names(names)) == loaded


def test_names_of_the_hub_may_have_directories() -> None:
    assert other_weights(["a/b.bin", "c.bin", "README.md", "optimizer.pt"]) == ("b.bin", "c.bin")


WHOLE = safetensors({"a": ("F32", (2,), b"12345678")})


def test_a_whole_file_passes(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(WHOLE)
    check_safetensors(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "its header cannot be read"),
        (WHOLE[:20], "its header cannot be read"),
        (WHOLE[:-1], "bytes, and its header names"),
        (WHOLE[:-8], "bytes, and its header names"),
        (WHOLE + b"more", "bytes, and its header names"),
        (safetensors({}), "it holds no tensor"),
        (b"\xff" * 64, "its header cannot be read"),
        (b"\x02" + bytes(7) + b"[]", "its header cannot be read"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(ConfigError, match=why) as caught:
        check_safetensors(tmp_path / "model.safetensors")
    assert caught.value.reason == "AdapterIncomplete"
