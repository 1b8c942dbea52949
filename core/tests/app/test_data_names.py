"""Which names of a data set's files are known before anything is downloaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.planning import tuning, workspace

from llmwright.api.workspace import Workspace
from llmwright.app.data_names import data_names
from llmwright.values.plan import Target


def reading(**source: object) -> Workspace:
    return workspace(tuning=tuning(input=source))


@pytest.mark.parametrize(
    ("urls", "names"),
    [
        (["https://a.example/x/train.jsonl?sig=1", "https://b.example/train.jsonl"], ("train.jsonl", "train-2.jsonl")),
        (["hf://datasets/a/b/data/train-00000-of-00001.parquet"], ("train-00000-of-00001.parquet",)),
        (["https://a.example/download"], None),
        (["https://[/train.jsonl"], None),
    ],
)
def test_urls_name_their_files_unless_the_server_decides(urls: list[str], names: tuple[str, ...] | None) -> None:
    assert data_names(reading(urls=urls), "kubernetes") == names


@pytest.mark.parametrize(("target", "names"), [("local", ("README.md", "data/train.csv")), ("kubernetes", None)])
def test_a_directory_of_this_machine_is_listed(tmp_path: Path, target: Target, names: tuple[str, ...] | None) -> None:
    for name in ("data/train.csv", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert data_names(reading(volumeSource={"hostPath": {"path": str(tmp_path)}}), target) == names


def test_an_image_is_not_listed() -> None:
    assert data_names(reading(image="registry.example/data:1"), "local") is None
    assert data_names(reading(volumeSource={"hostPath": {"path": "/nowhere"}}), "local") is None
    assert data_names(workspace(inference={"preset": {"name": "demo"}}), "local") is None
