"""Which files training reads, by their names and by the head of a data card."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.train.data.data_file import DataFile, find_data_files
from llmwright_tuning_qlora.train.data.file_formats import read_rows

LISTED = """configs:
- config_name: default
  data_files:
  - {split: train, path: a.jsonl}
  - {split: test, path: [b.jsonl]}"""
TWO = "configs: [{config_name: x, data_files: a.jsonl}, {config_name: y, data_files: b.jsonl"


def read(directory: Path, *names: str, card: str = "") -> list[str]:
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("{}\n")
    if card:
        (directory / "README.md").write_text(f"---\n{card}\n---\n# A data set\n")
    return [file.path.relative_to(directory).as_posix() for file in find_data_files(directory).files]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("train.jsonl", ".ipynb_checkpoints/train-checkpoint.jsonl"), ["train.jsonl"]),
        (("train.jsonl", ".cache/huggingface/download/train.jsonl.metadata"), ["train.jsonl"]),
        (("train.jsonl", "__MACOSX/train.jsonl"), ["train.jsonl"]),
        (("trainset.jsonl", "testset.jsonl"), ["trainset.jsonl"]),
        (("data-00000-of-00001.arrow", "cache-0a1b2c.arrow"), ["data-00000-of-00001.arrow"]),
    ],
)
def test_copies_caches_and_other_splits_are_left_aside(
    tmp_path: Path, names: tuple[str, ...], chosen: list[str]
) -> None:
    assert read(tmp_path, *names) == chosen


@pytest.mark.parametrize(
    ("card", "chosen"),
    [
        (LISTED, ["a.jsonl"]),
        ("configs: [{config_name: x, data_files: '*a.jsonl'}]", ["a.jsonl"]),
        ("configs: [{config_name: x, data_files: {train: ./b.jsonl, test: a.jsonl}}]", ["b.jsonl"]),
        (f"{TWO}, default: true}}]", ["b.jsonl"]),
        ("license: mit", ["a.jsonl", "b.jsonl"]),
        ("configs: x", ["a.jsonl", "b.jsonl"]),
        ("a: [", ["a.jsonl", "b.jsonl"]),
    ],
)
def test_a_data_card_says_which_file_is_the_train_split(tmp_path: Path, card: str, chosen: list[str]) -> None:
    assert read(tmp_path, "a.jsonl", "b.jsonl", card=card) == chosen


@pytest.mark.parametrize(
    ("names", "card", "fault"),
    [
        (("a.jsonl",), f"{TWO}}}]", "x, y"),
        (("a.jsonl",), "configs: [{config_name: x, data_files: {train: c.jsonl}}]", "no file of a train split"),
        (("train_sft-00000-of-00001.json", "train_gen-00000-of-00001.json"), "", "splits: train_gen, train_sft"),
    ],
)
def test_several_data_sets_in_one_place_are_refused(
    tmp_path: Path, names: tuple[str, ...], card: str, fault: str
) -> None:
    with pytest.raises(ConfigError, match=fault) as caught:
        read(tmp_path, *names, card=card)
    assert caught.value.reason == "DatasetSplits"


def test_keys_that_a_column_format_fills_with_null_are_absent(tmp_path: Path) -> None:
    calls = [{"function": {"name": name, "arguments": {name: 1}}} for name in ("f", "g")]
    rows = [{"messages": [{"role": "assistant", "content": None, "tool_calls": [call]}]} for call in calls]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "rows.parquet")
    assert [row.values for row in read_rows(DataFile(tmp_path / "rows.parquet", "parquet"))] == rows
