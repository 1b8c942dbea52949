"""Options that are safe behind an API key alone."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.checking import inputs_of
from tests.support.planning import drivers_with

from llmwright.api.document import Document, parse_workspace
from llmwright.check import check_workspace
from llmwright.testing.fakes import FakeRuntime


class Loading(FakeRuntime):
    keyed_options = frozenset({"loads"})


@pytest.mark.parametrize(
    ("target", "api_key", "refused"), [("local", False, True), ("local", True, False), ("kubernetes", False, False)]
)
def test_on_one_machine_a_key_is_set(target: Any, api_key: bool, refused: bool) -> None:
    inference = {"preset": {"name": "small"}, "runtime": "acme", "runtimeConfig": {"loads": True}}
    head = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": "mine"}, "resource": {}}
    workspace = parse_workspace(Document({**head, "inference": inference}))
    inputs = inputs_of(workspace, target=target, installed=drivers_with(acme=Loading), api_key=api_key)
    problems = [problem for problem in check_workspace(inputs) if problem.reason == "KeyRequired"]
    assert [problem.path for problem in problems] == (["inference.runtimeConfig.loads"] if refused else [])
    assert all("LLMWRIGHT_API_KEY" in problem.hint for problem in problems)
