"""A config for a cluster out of a directory of this machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmwright.app.applying import with_configs
from llmwright.app.documents import LoadedWorkspace, read_workspace
from llmwright.errors import InvalidWorkspace

WORKSPACE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: mine}
resource: {labelSelector: {matchLabels: {a: b}}}
inference:
  preset: {name: demo}
  config: engine
"""
CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: engine}
data: {inference_config.yaml: "vllm: {max-model-len: 64}"}
"""


@pytest.fixture
def loaded(work: Path) -> LoadedWorkspace:
    (work / "workspace.yaml").write_text(WORKSPACE)
    (work / "configs").mkdir()
    return read_workspace("workspace.yaml")


@pytest.mark.parametrize(("name", "text"), [("engine", "vllm: {max-model-len: 64}"), ("engine.yaml", CONFIG_MAP)])
def test_a_file_or_the_manifest_of_a_config_map(loaded: LoadedWorkspace, work: Path, name: str, text: str) -> None:
    (work / "configs" / name).write_text(text)
    configs = with_configs(loaded, Path("configs")).configs
    assert configs == {"engine": {"inference_config.yaml": "vllm: {max-model-len: 64}"}}


def test_the_one_of_the_workspace_s_own_file_goes_before(work: Path) -> None:
    (work / "both.yaml").write_text(f"{WORKSPACE}---\n{CONFIG_MAP}")
    assert with_configs(read_workspace("both.yaml"), Path("nowhere")).configs["engine"]


def test_a_directory_without_it_is_told_with_the_place_in_the_yaml(loaded: LoadedWorkspace, work: Path) -> None:
    (work / "engine.yaml").write_text("beside: the YAML")
    with pytest.raises(InvalidWorkspace) as refused:
        with_configs(loaded, Path("configs"))
    assert str(refused.value).startswith("workspace.yaml:7:")
    assert "inference.config: configs has no file engine or engine.yaml (put it there" in str(refused.value)
