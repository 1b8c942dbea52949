"""Whether Karpenter could make machines here, by answers of an API server."""

from __future__ import annotations

from typing import Any, cast

import pytest
from plugins.provisioner_karpenter.tests.support.builders import ask

from llmwright.testing import make_context
from llmwright.values.nodes import Finding
from llmwright.values.same_place import SamePlace
from llmwright_provisioner_karpenter.beforehand import findings
from llmwright_provisioner_karpenter.client import KarpenterClient
from llmwright_provisioner_karpenter.config import KarpenterOptions, KarpenterSettings, NodeOptions, node_options
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner

CLASS = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"}
KINDS = [{"name": "ec2nodeclasses", "kind": "EC2NodeClass"}, {"name": "ec2nodeclasses/status", "kind": "EC2NodeClass"}]


class Answers:
    """A cluster with Karpenter and the node class."""

    def __init__(self) -> None:
        self.karpenter = ["nodeclaims", "nodepools"]
        self.node_class: dict[str, Any] | None = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        self.version = "karpenter.k8s.aws/v1"

    def kinds(self, api_version: str) -> list[dict[str, Any]]:
        return [{"name": name} for name in self.karpenter] if api_version == "karpenter.sh/v1" else KINDS

    def preferred_version(self, group: str) -> str:
        return self.version

    def find(self, path: str) -> dict[str, Any] | None:
        assert path == "/apis/karpenter.k8s.aws/v1/ec2nodeclasses/gpu"
        return self.node_class


def options(**settings: Any) -> NodeOptions:
    chosen = KarpenterSettings.model_validate({"nodeClassRef": CLASS, **settings})
    return node_options(ask(), KarpenterOptions(), chosen)


def told(answers: Answers, **settings: Any) -> list[tuple[str, str]]:
    return [(finding.state, finding.message) for finding in found(answers, **settings)]


def found(answers: Answers, **settings: Any) -> list[Finding]:
    place = SamePlace(cluster=("--context", "prod"))
    return [*findings(cast("KarpenterClient", answers), options(**settings), place)]


def test_a_cluster_with_karpenter_and_the_class() -> None:
    assert told(Answers()) == [
        ("ok", "the cluster serves what the mode nodeclaim needs"),
        ("ok", "EC2NodeClass/gpu (karpenter.k8s.aws) is there"),
    ]


@pytest.mark.parametrize(("mode", "state"), [("nodeclaim", "ok"), ("nodepool", "problem")])
def test_nodepools_are_needed_in_their_mode_alone(mode: str, state: str) -> None:
    answers = Answers()
    answers.karpenter = ["nodeclaims"]
    assert told(answers, mode=mode)[0][0] == state


def test_without_karpenter_nothing_more_is_asked() -> None:
    answers = Answers()
    answers.karpenter = []
    assert told(answers) == [("problem", "the cluster does not serve nodeclaims.karpenter.sh")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"node_class": None}, "there is no EC2NodeClass/gpu (karpenter.k8s.aws)"),
        ({"version": ""}, "the cluster does not serve EC2NodeClass of karpenter.k8s.aws"),
        (
            {"node_class": {"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "NoAMI"}]}}},
            "EC2NodeClass/gpu (karpenter.k8s.aws) is not ready: NoAMI: ",
        ),
    ],
)
def test_a_class_that_cannot_be_used_is_a_problem(change: dict[str, Any], words: str) -> None:
    answers = Answers()
    for name, value in change.items():
        setattr(answers, name, value)
    assert told(answers)[1] == ("problem", words)


def test_the_commands_that_are_proposed_go_to_the_same_cluster() -> None:
    answers = Answers()
    answers.node_class = None
    assert found(answers)[1].hint.startswith("`kubectl get ec2nodeclasses.karpenter.k8s.aws --context prod` lists")
    answers.node_class = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    assert found(answers)[1].hint == "`kubectl describe ec2nodeclasses.karpenter.k8s.aws gpu --context prod`"


def test_a_cloud_without_a_default_wants_a_class() -> None:
    assert told(Answers(), nodeClassRef=None, cloud="arc")[1][0] == "problem"


def test_without_a_cluster_nothing_is_asked() -> None:
    (finding,) = KarpenterProvisioner(make_context()).examine(None)
    assert finding.state == "unchecked"
