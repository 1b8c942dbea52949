"""What stands in the way on a cluster, by an API server that is only an answer."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llmwright.api.crd import crd
from llmwright.app.cluster_doctor import cluster_findings
from llmwright.app.session import Session
from llmwright.targets.kubernetes.cluster import kubeconfig
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.values.nodes import Finding

ALL = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


class Answers:
    """Answers as an API server with our definition and all rights."""

    configuration = SimpleNamespace(host="https://cluster.example")

    def __init__(self) -> None:
        self.kinds_served: list[dict[str, Any]] = [{"name": "workspaces"}, {"name": "rayservices"}]
        self.definition: dict[str, Any] = copy.deepcopy(crd())
        self.rules: list[dict[str, Any]] = [ALL]
        self.error: ApiError | None = None

    def kinds(self, api_version: str) -> list[dict[str, Any]]:
        if self.error is not None:
            raise self.error
        return self.kinds_served

    def get(self, resource: Any, namespace: Any, name: str) -> dict[str, Any]:
        return self.definition

    def create(self, resource: Any, body: Any) -> dict[str, Any]:
        return {"status": {"resourceRules": self.rules}}


@pytest.fixture
def answers(work: Path, monkeypatch: pytest.MonkeyPatch) -> Answers:
    server = Answers()
    monkeypatch.setattr(kubeconfig, "connect", lambda *_: server)
    monkeypatch.setattr(kubeconfig, "in_cluster", lambda: False)
    return server


def found() -> dict[str, Finding]:
    return {finding.about: finding for finding in cluster_findings(Session(), None)[1]}


def test_a_cluster_as_it_should_be(answers: Answers) -> None:
    assert {about: finding.state for about, finding in found().items()} == {
        "cluster": "ok",
        "Workspace definition": "ok",
        "rights": "ok",
        "objects of runtime ray": "ok",
    }


def test_a_cluster_that_does_not_answer_is_a_problem_and_nothing_more_is_asked(answers: Answers) -> None:
    answers.error = ApiError("no route to host", code=0, reason="ApiServerUnreachable")
    findings = found()
    assert [*findings] == ["cluster"]
    assert (findings["cluster"].state, findings["cluster"].message) == ("problem", "no route to host")


def test_without_the_definition_the_command_for_it_is_shown(answers: Answers) -> None:
    answers.kinds_served = []
    finding = found()["Workspace definition"]
    assert finding.state == "problem"
    assert "llmwright crd | kubectl apply" in finding.hint


def test_a_definition_without_our_fields_names_them(answers: Answers) -> None:
    for version in answers.definition["spec"]["versions"]:
        del version["schema"]["openAPIV3Schema"]["properties"]["resource"]["properties"]["provisioner"]
    finding = found()["Workspace definition"]
    assert finding.state == "problem"
    assert "v1beta1.resource.provisioner" in finding.message


@pytest.mark.parametrize(("in_pod", "state"), [(True, "problem"), (False, "unchecked")])
def test_rights_that_lack_are_a_problem_of_a_pod(
    answers: Answers, monkeypatch: pytest.MonkeyPatch, in_pod: bool, state: str
) -> None:
    monkeypatch.setattr(kubeconfig, "in_cluster", lambda: in_pod)
    answers.rules = [
        {**ALL, "verbs": ["get", "list", "watch"]},
        {**ALL, "resourceNames": ["only-this"]},
        {**ALL, "apiGroups": ["apps", "batch", ""]},
    ]
    finding = found()["rights"]
    assert finding.state == state
    assert "patch workspaces.kaito.sh" in finding.message
    assert "statefulsets" not in finding.message
