"""Code of a model's repository is refused at the place that asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.checking import PRESETS, inputs_of, invented

from llmwright.api.document import Document, parse_workspace
from llmwright.check import check_workspace
from llmwright.settings.model import Sources

ODD = invented("odd", 8, remote_code=True)


def problems(
    spec: dict[str, Any], allowed: tuple[str, ...] = (), files: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The refusals of code: path and message."""
    head = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": "mine"}, "resource": {}}
    presets = {**PRESETS, "odd": ODD}
    inputs = inputs_of(
        parse_workspace(Document({**head, **spec})),
        target="local",
        find_preset=presets.get,
        allows_code=Sources(remote_code=allowed).allows_code,
        config_files=lambda _, name: (files or {}) if name else None,
    )
    return {
        problem.path: problem.message for problem in check_workspace(inputs) if problem.reason == "RemoteCodeRefused"
    }


def serving(preset: str, **more: Any) -> dict[str, Any]:
    return {"inference": {"preset": {"name": preset}, **more}}


def tuning(preset: str, **more: Any) -> dict[str, Any]:
    return {"tuning": {"preset": {"name": preset}, "method": "lora", "input": {"urls": ["a.jsonl"]}, **more}}


def test_a_preset_that_needs_code() -> None:
    assert list(problems(serving("odd"))) == ["inference.preset.name"]
    assert list(problems(tuning("odd"))) == ["tuning.preset.name"]
    assert problems(serving("odd"), ("hf://org/odd",)) == {}
    assert problems(serving("small")) == {}


@pytest.mark.parametrize("section", ["model", "ModelConfig"])
@pytest.mark.parametrize("value", [True, "true", "yes", 1, "on"])
def test_an_option_that_asks_for_code(section: str, value: object) -> None:
    asked = tuning("small", methodConfig={section: {"trust_remote_code": value}})

    assert list(problems(asked)) == [f"tuning.methodConfig.{section}.trust_remote_code"]
    assert problems(asked, ("hf://org/small",)) == {}
    assert list(problems(asked, ("hf://org/odd",))) == [f"tuning.methodConfig.{section}.trust_remote_code"]


@pytest.mark.parametrize("value", [False, "false", "no", 0, None])
def test_an_option_that_is_off(value: object) -> None:
    assert problems(tuning("small", methodConfig={"model": {"trust_remote_code": value}})) == {}


def test_a_config_that_asks_for_code() -> None:
    text = "training_config:\n  ModelConfig:\n    trust_remote_code: true\n"
    refused = problems(tuning("small", config="mine"), files={"training_config.yaml": text})

    assert list(refused) == ["tuning.config"]
    assert "training_config.yaml:training_config.ModelConfig.trust_remote_code" in refused["tuning.config"]
