"""Configs from files instead of ConfigMaps."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmwright.errors import ConfigError
from llmwright.targets.local.config_lookup import find_config_files

CONFIG_MAP = "kind: ConfigMap\ndata: {training_config.yaml: 'a: 1'}\n"


def test_a_file_counts_as_the_wanted_one(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("a: 1\n")
    assert find_config_files("mine", [tmp_path / "nowhere", tmp_path], "x.yaml") == {"x.yaml": "a: 1\n"}


def test_a_manifest_gives_its_data(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text(CONFIG_MAP)
    assert find_config_files("mine", [tmp_path], "x.yaml") == {"training_config.yaml": "a: 1"}


def test_no_file_is_no_config(tmp_path: Path) -> None:
    assert find_config_files("mine", [tmp_path], "x.yaml") is None


@pytest.mark.parametrize("text", ["a: [", "kind: ConfigMap\n", "kind: ConfigMap\ndata: {a: 1}\n"])
def test_a_file_that_cannot_be_used_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yml").write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.yml"):
        find_config_files("mine", [tmp_path], "x.yaml")
