"""Upstream's invalid Workspaces, applied to a real API server with the webhook on: our words wherever we decide."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.cluster.support.reviewing import CONFIGURATION, Requests, Said
from tests.conformance.case_environment import Environment
from tests.support.programs import ROOT
from tests.support.waiting import wait_until

from llmwright.api.document import Document, parse_workspace
from llmwright.api.versions import API_VERSIONS
from llmwright.api.workspace import Workspace
from llmwright.check import CheckInput, ClusterFacts, check_workspace
from llmwright.errors import InvalidWorkspace, Problem
from llmwright.settings.model import Webhook as WebhookSettings
from llmwright.targets.kubernetes.admission.webhook import Webhook
from llmwright.targets.kubernetes.cluster.kubeconfig import connect
from llmwright.testing.cluster import Cluster
from llmwright.testing.cluster.programs import free_port

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("off_shift")]

Case = Mapping[str, Any]
Inputs = Callable[[Workspace, Workspace | None], CheckInput]

KAITO = ROOT.parent / "shared" / "kaito"
OURS = "check.workspaces.kaito.sh"


class Judge:
    """The rules with the surroundings of whichever case is on; with none it lets everything pass."""

    def __init__(self) -> None:
        self.inputs: Inputs | None = None

    def __call__(self, workspace: Workspace, old: Workspace | None) -> Iterable[Problem]:
        return check_workspace(self.inputs(workspace, old)) if self.inputs is not None else ()


@dataclass(frozen=True)
class Guard:
    """A webhook that this process serves, and requests to the API server that asks it."""

    requests: Requests
    judge: Judge
    environment: Environment


@pytest.fixture
def guard(plane: Cluster) -> Iterator[Guard]:
    judge, port = Judge(), free_port()
    settings = WebhookSettings(url=f"https://127.0.0.1:{port}/", port=port, failure_policy="Fail", validity=24)
    webhook = Webhook(connect(plane.kubeconfig), settings, judge)
    requests = Requests(plane)
    fixtures = json.loads((KAITO / "validation_fixtures.json").read_text())
    webhook.start("127.0.0.1")
    wait_until(lambda: webhook.ready, "the webhook is trusted")
    yield Guard(requests, judge, Environment(fixtures))
    webhook.stop()
    requests.send("DELETE", CONFIGURATION)
    requests.close()


def cases(expect: str) -> Iterator[Case]:
    for line in (KAITO / "validation.jsonl").read_text().splitlines():
        case = json.loads(line)
        if case["kind"] == "Workspace" and case["expect"] == expect and case["object"]["apiVersion"] in API_VERSIONS:
            yield case


def with_namespaces(plane: Cluster, expect: str) -> list[Case]:
    found = [*cases(expect)]
    for namespace in {case["object"]["metadata"].get("namespace", "default") for case in found} - {"default"}:
        plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    return found


def alone(environment: Environment, case: Case) -> Inputs:
    """What the webhook knows: nothing that other objects of the cluster say."""

    def inputs(workspace: Workspace, old: Workspace | None) -> CheckInput:
        known = environment.inputs(case["env"], workspace, old)
        cluster = ClusterFacts(gates=known.cluster.gates, release_namespace=known.cluster.release_namespace)
        return replace(known, cluster=cluster)

    return inputs


def ours(case: Case, inputs: Inputs) -> set[tuple[str, str]]:
    """Path and reason of each error as the command line finds it in what the user wrote."""
    try:
        new = parse_workspace(Document(case["object"]))
        old = parse_workspace(Document(case["old_object"])) if case["old_object"] else None
    except InvalidWorkspace as refused:
        return {(one.path, one.reason) for one in refused.problems}
    problems = check_workspace(inputs(new, old))
    return {(one.path, one.reason) for one in problems if one.severity == "error"}


def asked(guard: Guard, case: Case, inputs: Inputs) -> Said | None:
    """The API server's answer; None where it would not even store what is to be changed."""
    new, old = case["object"], case["old_object"]
    if not old:
        guard.judge.inputs = inputs
        return guard.requests.create(new)
    guard.judge.inputs = None
    if guard.requests.create(old, dry=False).code != 201:
        return None
    try:
        guard.judge.inputs = inputs
        return guard.requests.replace(new)
    finally:
        guard.judge.inputs = None
        assert guard.requests.delete(old).code == 200


def verdict(guard: Guard, case: Case) -> str:
    """How the case went, in one word; fails where our words were lost on the way."""
    inputs = alone(guard.environment, case)
    said = asked(guard, case, inputs)
    if said is None:
        return "not storable"
    expected = ours(case, inputs)
    if said.code < 300:
        assert not expected, f"{case['id']}: accepted, and check says {expected}"
        return "left to the status"
    if OURS not in said.message:
        assert said.message, case["id"]
        return "refused by the API server"
    assert said.code == 422, case["id"]
    assert {*said.causes} == expected, case["id"]
    return "refused by us"


beside_kaito = pytest.mark.skipif(not KAITO.is_dir(), reason="upstream's sampled verdicts are not beside this checkout")


@beside_kaito
def test_every_invalid_workspace_is_refused_in_the_words_of_check(plane: Cluster, guard: Guard) -> None:
    count = Counter(verdict(guard, case) for case in with_namespaces(plane, "invalid"))
    # The API server asks the CRD before the webhook.
    assert count["refused by us"] > 40, count
    assert count["refused by us"] + count["refused by the API server"] > 80, count
    assert count["left to the status"] + count["not storable"] < 40, count


@beside_kaito
def test_every_valid_workspace_is_taken_as_it_was_written_for_kaito(plane: Cluster, guard: Guard) -> None:
    """Field for field, in both versions; but for the two whose values cannot work (``unworkable-values``)."""
    count: Counter[str] = Counter()
    for case in with_namespaces(plane, "valid"):
        inputs = alone(guard.environment, case)
        said = asked(guard, case, inputs)
        if said is None:
            # Upstream's unit tests change Workspaces that its own webhook would never have let in.
            assert ours({**case, "object": case["old_object"], "old_object": None}, inputs), case["id"]
            count["never there"] += 1
            continue
        assert said.code < 300 or ours(case, inputs), f"{case['id']}: {said.message}"
        count[f"{case['object']['apiVersion']} {'taken' if said.code < 300 else 'refused'}"] += 1
    assert sum(number for what, number in count.items() if what.endswith("taken")) > 50, count
    assert sum(number for what, number in count.items() if what.endswith("refused")) <= 2, count
