"""The checker, as the admission webhook asks it."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.api.document import Document, parse_workspace
from llmwright.api.workspace import Workspace
from llmwright.app.checker import Checker, CheckMode
from llmwright.app.session import Session
from llmwright.catalogue import model_description
from llmwright.errors import Problem


def workspace(**inference: Any) -> Workspace:
    document = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "ws", "namespace": "default"},
        "resource": {"labelSelector": {"matchLabels": {"apps": "ws"}}, "provisioner": "byo"},
        "inference": {"preset": {"name": "org/model"}, **inference},
    }
    return parse_workspace(Document(document))


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Its errors by path, with a hub that nobody may ask."""

    def asked(name: str, **_: Any) -> Any:
        raise AssertionError(f"the hub was asked for {name}")

    monkeypatch.setattr(model_description, "describe", asked)
    checker = Checker(Session(), CheckMode.webhook())

    def judge(new: Workspace) -> dict[str, Problem]:
        return {one.path: one for one in checker.check(new) if one.severity == "error"}

    return judge


def test_a_model_of_the_hub_is_taken_at_its_word(judged: Any) -> None:
    assert judged(workspace()) == {}


def test_a_config_may_come_later(judged: Any) -> None:
    assert judged(workspace(config="not-there-yet")) == {}


def test_what_the_operator_would_not_buy_for_is_refused(judged: Any) -> None:
    secret = {"name": "org/model", "presetOptions": {"modelAccessSecret": "SECRET_HERE"}}
    found = judged(workspace(preset=secret))
    assert {path: one.reason for path, one in found.items()} == {
        "inference.preset.presetOptions.modelAccessSecret": "Placeholder"
    }


def test_a_driver_that_is_not_there_is_named(judged: Any) -> None:
    found = judged(workspace(runtime="nowhere"))
    assert {path: one.reason for path, one in found.items()} == {"inference.runtime": "PluginNotFound"}


def test_options_count_as_those_of_a_runtime_that_has_them_while_nobody_knows_the_nodes(judged: Any) -> None:
    """A node without a GPU is served by ``hf``; that nodes have none is known once they are there."""
    assert judged(workspace(runtimeConfig={"threads": 2})) == {}
    found = judged(workspace(runtimeConfig={"thraeds": 2}))
    assert list(found) == ["inference.runtimeConfig.thraeds"]
    named = judged(workspace(runtime="vllm", runtimeConfig={"threads": 2}))
    hint = named["inference.runtimeConfig.threads"].hint
    assert hint.endswith("it is an option of hf and ray, which inference.runtime names")
