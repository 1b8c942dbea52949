"""Relative paths of a Workspace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmwright.api.workspace import Workspace
from llmwright.targets.local.absolute_paths import with_absolute_paths

BASE = Path("/work/yaml")


def tuned(**tuning: Any) -> Workspace:
    """Return a tuning Workspace with its paths made absolute."""
    body = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": "demo"}}
    fields = {"preset": {"name": "demo"}, "method": "lora", **tuning}
    return with_absolute_paths(Workspace.model_validate({**body, "tuning": fields}), BASE)


def test_urls_start_at_the_directory_of_the_yaml() -> None:
    urls = ["rows.jsonl", "file:rows.jsonl", "file:///data/rows.jsonl", "https://example.com/rows.jsonl"]
    tuning = tuned(input={"urls": urls}).tuning
    assert tuning is not None
    assert tuning.input is not None
    here = "file:///work/yaml/rows.jsonl"
    assert list(tuning.input.urls) == [here, here, urls[2], urls[3]]


def test_volumes_start_at_the_directory_of_the_yaml() -> None:
    tuning = tuned(input={"volumeSource": {"hostPath": {"path": "data"}}}).tuning
    assert tuning is not None
    assert tuning.input is not None
    assert tuning.input.volume_source == {"hostPath": {"path": "/work/yaml/data"}}


def test_a_result_without_an_output_goes_beside_the_yaml() -> None:
    tuning = tuned(input={"urls": ["rows.jsonl"]}).tuning
    assert tuning is not None
    assert tuning.output is not None
    assert tuning.output.volume_source == {"hostPath": {"path": "/work/yaml/demo-adapter"}}


def test_a_result_with_an_image_goes_nowhere_else() -> None:
    tuning = tuned(input={"urls": ["rows.jsonl"]}, output={"image": "registry/adapter:1"}).tuning
    assert tuning is not None
    assert tuning.output is not None
    assert tuning.output.volume_source is None
