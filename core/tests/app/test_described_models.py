"""Descriptions of models that no pack has, each asked for once."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.planning import workspace

from llmwright.app.described_models import REMEMBERED_SECONDS, DescribedModels
from llmwright.catalogue import model_description
from llmwright.errors import TargetError


def test_a_refusal_is_remembered_for_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    now = [1000.0]

    def describe(name: str, **_: Any) -> Any:
        asked.append(name)
        raise TargetError("the hub is slow", reason="HubUnreachable")

    monkeypatch.setattr(model_description, "describe", describe)
    models = DescribedModels((), clock=lambda: now[0])
    for _ in range(3):
        with pytest.raises(TargetError, match="slow"):
            models.preset("org/model")
    assert asked == ["org/model"]
    now[0] += REMEMBERED_SECONDS + 1
    with pytest.raises(TargetError):
        models.preset("org/model")
    assert asked == ["org/model"] * 2


def test_an_answer_is_remembered_and_a_directory_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def describe(name: str, **_: Any) -> Any:
        asked.append(name)
        return workspace()

    monkeypatch.setattr(model_description, "describe", describe)
    models = DescribedModels(())
    assert models.preset("org/model") is models.preset("org/model")
    for _ in range(2):
        models.preset("file:///model")
    assert asked == ["org/model", "file:///model", "file:///model"]
