"""Finding and reading data sets: each format and each shape of row gives the same tokens."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.config_sections import DatasetSection
from llmwright_tuning_qlora.data_names import format_of
from llmwright_tuning_qlora.train.data.data_file import find_data_files
from llmwright_tuning_qlora.train.data.dataset import TokenizedDataset, read_dataset
from llmwright_tuning_qlora.train.data.tokenization import ExampleTokenizer

ROWS = [{"prompt": f"Say {n} — é", "completion": f"{n}!", "extra": n} for n in range(300)]


def write_csv(path: Path) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(ROWS[0]))
        writer.writeheader()
        writer.writerows(ROWS)


def write_arrow(path: Path, opened: Callable[..., Any]) -> None:
    table = pa.Table.from_pylist(ROWS)
    with pa.OSFile(str(path), "wb") as sink, opened(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=70)


WRITERS: dict[str, Callable[[Path], Any]] = {
    "rows.jsonl": lambda path: path.write_text("\n".join(map(json.dumps, ROWS)) + "\n\n"),
    "lines.json": lambda path: path.write_text("\n".join(map(json.dumps, ROWS))),
    "list.json": lambda path: path.write_text(json.dumps(ROWS, indent=1)),
    "rows.csv": write_csv,
    "rows.parquet": lambda path: pq.write_table(pa.Table.from_pylist(ROWS), path),
    "file.arrow": lambda path: write_arrow(path, pa.ipc.new_file),
    "stream.arrow": lambda path: write_arrow(path, pa.ipc.new_stream),
    "train-parquet-00": lambda path: pq.write_table(pa.Table.from_pylist(ROWS), path),
}


def read(path: Path, tokenizer: Any, **section: Any) -> TokenizedDataset:
    return read_dataset(find_data_files(path), ExampleTokenizer(tokenizer), DatasetSection(**section), 96)


@pytest.mark.parametrize("name", WRITERS)
def test_each_format_gives_the_same_tokens(name: str, tmp_path: Path, tokenizer: Any) -> None:
    WRITERS[name](tmp_path / name)
    reference = tmp_path / "reference.jsonl"
    reference.write_text("\n".join(map(json.dumps, ROWS)))
    dataset, expected = read(tmp_path / name, tokenizer), read(reference, tokenizer)
    assert len(dataset.rows) == len(ROWS)
    assert dataset.rows == expected.rows
    assert dataset.notes == ("Columns that are not used: extra.",)
    assert str(dataset.summary).startswith("300 rows, tokens min/median/max ")


@pytest.mark.parametrize(
    ("row", "section"),
    [
        ({"messages": [{"role": "user", "content": "Say é"}, {"role": "assistant", "content": "Yo"}]}, {}),
        ({"prompt": "Say é", "completion": "Yo"}, {}),
        (
            {"prompt": [{"role": "user", "content": "Say é"}], "completion": [{"role": "assistant", "content": "Yo"}]},
            {},
        ),
        ({"q": "Say é", "a": "Yo", "text": "no"}, {"context_column": "q", "response_column": "a"}),
        (
            {"chat": [{"role": "user", "content": "Say é"}, {"role": "assistant", "content": "Yo"}], "text": "no"},
            {"messages_column": "chat"},
        ),
    ],
)
def test_each_shape_of_a_question_is_learned_alike(
    row: dict[str, Any], section: dict[str, str], tmp_path: Path, tokenizer: Any
) -> None:
    path = tmp_path / "one.json"
    path.write_text(json.dumps([row]))
    tokens = read(path, tokenizer, **section).rows[0]
    assert (
        tokenizer.decode(list(tokens.ids)) == "<|im_start|>user\nSay é<|im_end|>\n<|im_start|>assistant\nYo<|im_end|>\n"
    )
    learned = [token for token, kept in zip(tokens.ids, tokens.loss_mask, strict=True) if kept]
    assert tokenizer.decode(learned) == "Yo<|im_end|>\n"


@pytest.mark.parametrize(("column", "section"), [("text", {}), ("body", {"response_column": "body"})])
def test_plain_text_is_learned_whole_with_its_end(
    column: str, section: dict[str, str], tmp_path: Path, tokenizer: Any
) -> None:
    path = tmp_path / "plain.json"
    path.write_text(json.dumps({column: "Once upon"}))
    tokens = read(path, tokenizer, **section).rows[0]
    assert tokenizer.decode(list(tokens.ids)) == "Once upon<|endoftext|>"
    assert set(tokens.loss_mask) == {1}


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("text\nx\n" if name.endswith("csv") else '{"text": "x"}')


@pytest.mark.parametrize(
    ("names", "read_names"),
    [
        (["test.jsonl", "train.jsonl"], ["train.jsonl"]),
        (["data/test-0.json", "data/train-0.json", "dataset_infos.json"], ["train-0.json"]),
        (
            ["train-00000-of-00002.json", "train-00001-of-00002.json", "valid.json"],
            ["train-00000-of-00002.json", "train-00001-of-00002.json"],
        ),
        (["a.json", "b.json"], ["a.json", "b.json"]),
        (["train.jsonl", "train-2.jsonl"], ["train-2.jsonl", "train.jsonl"]),
        (["rows.jsonl", "validation.jsonl"], ["rows.jsonl"]),
        (["train/part.json", "test/part.json"], ["part.json"]),
        (["contest.json", "latest.json"], ["contest.json", "latest.json"]),
        (["test.jsonl"], ["test.jsonl"]),
        (["tokenizer.json", "dataset_dict.json", "rows.json"], ["rows.json"]),
        (["README.md", "train.csv", "extra.json"], ["train.csv"]),
        (["train.jsonl", "train.jsonl.bak", "train.jsonl~", "train (copy).jsonl", "train (1).jsonl"], ["train.jsonl"]),
        (["rows.json", "rows - Copy.json", "rows.json.sha256", "rows.json.part"], ["rows.json"]),
        (["rows (1).json", "rows (2).json"], ["rows (1).json", "rows (2).json"]),
        (["rows.json.bak"], ["rows.json.bak"]),
    ],
)
def test_the_train_split_of_a_directory_is_read_whole(names: list[str], read_names: list[str], tmp_path: Path) -> None:
    write(tmp_path, *names)
    files = find_data_files(tmp_path).files
    assert [file.path.name for file in files] == read_names
    assert "test" not in {file.path.parent.name for file in files}


def test_the_files_that_are_read_are_shown(tmp_path: Path, tokenizer: Any) -> None:
    write(tmp_path, "train-0.json", "train-1.json", "test.json")
    tokens = read(tmp_path, tokenizer)
    assert len(tokens.rows) == 2
    assert tokens.notes[0] == "Reading train-0.json, train-1.json; not reading test.json."


def test_files_of_several_formats_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.json", "b.csv")
    with pytest.raises(ConfigError, match=r"files of several formats: a\.json, b\.csv"):
        find_data_files(tmp_path)


def test_a_name_without_a_format_leads_to_the_setting(tmp_path: Path) -> None:
    write(tmp_path, "download")
    with pytest.raises(ConfigError) as caught:
        find_data_files(tmp_path)
    assert "DatasetConfig.dataset_extension" in caught.value.hint
    assert find_data_files(tmp_path, "jsonl").files[0].format == "json"


def test_two_files_have_a_digest_of_both(tmp_path: Path) -> None:
    write(tmp_path, "a.json", "b.json")
    both = find_data_files(tmp_path).digest()
    (tmp_path / "b.json").write_text('{"text": "y"}')
    assert find_data_files(tmp_path).digest() != both


def test_the_suffix_goes_before_other_words_of_a_name() -> None:
    assert format_of("csv-export.parquet") == "parquet"
    assert format_of("data", "jsonl") == "json"
    assert format_of("notes.txt") is None


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.txt", b"x", "no data set in"),
        ("empty.json", b"", "is empty"),
        ("list.json", b"[]", "has no rows"),
        ("only-header.csv", b"prompt,completion\n", "has no rows"),
        ("broken.parquet", b"PAR1 and no more", "cannot be read as parquet"),
        ("broken.arrow", b"ARROW1 and no more", "cannot be read as arrow"),
        ("broken.json", b'[{"text": "a"},', "is not JSON: line 1"),
        ("deep.json", b"[" * 100_000, "nested too deep"),
        ("deep.jsonl", b'{"text": "a"}\n{"a":' + b"[" * 100_000, "line 2: not JSON: it is nested too deep"),
        ("latin.csv", "text\nfa\xe7ade\n".encode("latin-1"), "cannot be read as csv"),
        ("pretty.json", b'{\n "text": "a"\n}', "holds one JSON object over several lines"),
    ],
)
def test_a_file_that_is_no_data_set(name: str, content: bytes, said: str, tmp_path: Path, tokenizer: Any) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        read(path, tokenizer)
    assert str(path) in caught.value.message
