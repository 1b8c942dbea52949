"""Adapters in a directory of this machine: judged against their base before anything starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmwright.api.workspace import Workspace
from llmwright.app.local_adapters import adapter_problems, adapter_ranks
from llmwright.errors import Problem
from llmwright.testing.adapters import write_adapter
from llmwright.testing.presets import make_preset
from llmwright.values.preset import Architecture

SIZES = Architecture(
    names=("LlamaForCausalLM",), layers=2, hidden_size=64, intermediate_size=128, attention_heads=4, kv_heads=2,
    head_dim=16, vocab_size=256,
)  # fmt: skip
BASE = replace(make_preset(), name="tiny", source="hf://acme/tiny", architecture=SIZES, lora_targets=())
Judge = Callable[..., list[Problem]]


def serving(*directories: Path) -> Workspace:
    adapters = [
        {"source": {"name": folder.name, "volumeSource": {"hostPath": {"path": str(folder)}}}} for folder in directories
    ]
    return Workspace.model_validate(
        {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": "ws"},
            "inference": {"preset": {"name": "tiny"}, "adapters": adapters},
        }
    )


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    def judged(sizes: Architecture = SIZES, **config: Any) -> list[Problem]:
        folder = write_adapter(tmp_path / "facts", sizes, **config)
        return [*adapter_problems(serving(folder), "local", BASE)]

    return judged


def test_an_adapter_of_this_base_has_no_problem(judge: Judge) -> None:
    assert judge(base_model_name_or_path="acme/tiny") == []


@pytest.mark.parametrize(
    ("sizes", "config", "words"),
    [
        (replace(SIZES, hidden_size=32), {}, "32 inputs, and the base's has 64"),
        (replace(SIZES, layers=3), {}, "weights of layer 2, and the base has 2 layers"),
        (SIZES, {"target_modules": ["c_attn"]}, "target_modules have c_attn, which the base does not have"),
        (SIZES, {"r": 1024}, "its rank is 1024, and the greatest that is served is 512"),
    ],
)
def test_an_adapter_of_another_base_is_refused_by_name(
    judge: Judge, sizes: Architecture, config: dict[str, Any], words: str
) -> None:
    (problem,) = judge(sizes, base_model_name_or_path="acme/other", **config)
    assert (problem.path, problem.reason, problem.severity) == (
        "inference.adapters[0].source",
        "AdapterMisfit",
        "error",
    )
    assert "adapter facts does not fit tiny" in problem.message
    assert words in problem.message
    assert "it was made for acme/other" in problem.message


def test_another_name_with_the_same_shapes_is_a_warning(judge: Judge) -> None:
    (problem,) = judge(base_model_name_or_path="acme/tiny-instruct")
    assert (problem.severity, problem.reason) == ("warning", "AnotherBase")
    assert "acme/tiny-instruct" in problem.message


def test_what_is_no_adapter_is_refused(judge: Judge, tmp_path: Path) -> None:
    (problem,) = judge(peft_type="IA3")
    assert (problem.severity, problem.reason) == ("error", "AdapterUnusable")
    (tmp_path / "nothing").mkdir()
    (problem,) = adapter_problems(serving(tmp_path / "nothing"), "local", BASE)
    assert "adapter nothing has no adapter_config.json" in problem.message


def test_directories_of_a_cluster_are_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    asked = serving(tmp_path / "nothing", tmp_path / "missing")
    assert [*adapter_problems(asked, "kubernetes", BASE)] == []
    assert len([*adapter_problems(asked, "local", BASE)]) == 1
    assert adapter_ranks(asked, "local") == {}


def test_ranks_are_read_for_engines_that_must_be_told_them(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "facts", SIZES, r=64)
    assert adapter_ranks(serving(folder), "local") == {"facts": 64}
