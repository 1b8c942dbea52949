"""The rules of template-name, by themselves and as LLMwright asks them once the package is installed."""

from __future__ import annotations

from typing import Any

import pytest
from llmwright_policy_template_name.rules import approved_licence

import llmwright
from llmwright.api.workspace import Workspace
from llmwright.testing import HooksContract, make_preset

WORKSPACE: dict[str, Any] = {
    "apiVersion": "kaito.sh/v1beta1",
    "kind": "Workspace",
    "metadata": {"name": "a"},
    "resource": {"labelSelector": {"matchLabels": {"apps": "a"}}},
    "inference": {"preset": {"name": "demo"}},
}


class TestTemplateNameRules(HooksContract):
    """Each law of the contract is a test."""

    @pytest.fixture
    def plugin(self) -> str:
        """The name of the distribution."""
        return "llmwright-policy-template-name"


@pytest.mark.parametrize("licence", ["mit", "MIT", "apache-2.0"])
def test_an_approved_licence_passes(licence: str) -> None:
    """Upper and lower case are one."""
    workspace = Workspace.model_validate(WORKSPACE)

    assert list(approved_licence(workspace, make_preset(license=licence))) == []


def test_any_other_licence_is_refused_where_it_is_named() -> None:
    """The problem names the field, the licence and the way out."""
    (problem,) = approved_licence(Workspace.model_validate(WORKSPACE), make_preset(license="llama3.1"))

    assert problem.path == "inference.preset.name"
    assert "llama3.1" in problem.message
    assert "apache-2.0" in problem.hint


def test_llmwright_asks_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the entry point: whoever installs the package has the rules."""
    monkeypatch.setattr("llmwright_policy_template_name.rules.APPROVED", frozenset())

    problems = llmwright.check(WORKSPACE)

    assert "LicenceNotApproved" in [problem.reason for problem in problems]
