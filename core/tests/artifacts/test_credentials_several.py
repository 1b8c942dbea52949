"""Several secrets mounted into one directory, each a file of its own."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from llmwright.artifacts.credentials import find_credential


def write(path: Path, registry: str, user: str) -> None:
    auth = base64.b64encode(f"{user}:word".encode()).decode()
    path.write_text(json.dumps({"auths": {registry: {"auth": auth}}}))


def test_the_first_file_that_knows_the_registry_counts(tmp_path: Path) -> None:
    write(tmp_path / "b.json", "one.example", "second")
    write(tmp_path / "a.json", "one.example", "first")
    write(tmp_path / "c.json", "two.example", "third")
    users = [found.username for name in ("one", "two") if (found := find_credential(f"{name}.example", tmp_path))]
    assert users == ["first", "third"]
    assert find_credential("three.example", tmp_path) is None


def test_config_json_stands_for_all(tmp_path: Path) -> None:
    write(tmp_path / "config.json", "one.example", "only")
    write(tmp_path / "a.json", "two.example", "unread")
    assert find_credential("two.example", tmp_path) is None
