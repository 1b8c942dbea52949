"""The rules about a template are those of the API server's own Pod Security, asked field by field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.support.operating import LEVEL
from tests.cluster.support.reviewing import Requests, Said
from tests.support.pod_standards import ACCOUNTS, BASELINE, IN_BASELINE, RESTRICTED, SPEC
from tests.support.waiting import wait_until

from llmwright.check.pod_rights import asked_by_pod
from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.cluster

Object = dict[str, Any]


@pytest.fixture(scope="module")
def standards(plane: Cluster) -> Iterator[Requests]:
    """Requests to a cluster with a namespace for each standard."""
    for level in ("baseline", "restricted"):
        about = {"name": level, "labels": {LEVEL: level}}
        plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": about})
        plane.kubectl("create", "serviceaccount", "deployer", f"-n{level}")
        account = f"/api/v1/namespaces/{level}/serviceaccounts/default"
        wait_until(lambda account=account: plane.fetch(account), "pods may be made")  # type: ignore[misc]
    requests = Requests(plane)
    yield requests
    requests.close()
    plane.kubectl("delete", "namespace", "baseline", "restricted", "--wait=false")


def said_of(requests: Requests, namespace: str, spec: Object) -> Said:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asked", "namespace": namespace}, "spec": spec}
    return requests.send("POST", f"/api/v1/namespaces/{namespace}/pods?dryRun=All&fieldValidation=Strict", pod)


def test_a_pod_that_baseline_forbids_is_one_that_asks_for_too_much(standards: Requests) -> None:
    for path, spec in BASELINE.items():
        said = said_of(standards, "baseline", spec)
        assert said.code == 403, (path, said.body)
        assert 'violates PodSecurity "baseline:latest"' in said.message, path
        assert [found for found, _ in asked_by_pod({"spec": spec})] == [f"spec.{path}"]


def test_a_pod_that_baseline_admits_asks_for_nothing(standards: Requests) -> None:
    for name, spec in {**IN_BASELINE, **RESTRICTED}.items():
        said = said_of(standards, "baseline", spec)
        assert said.code == 201, (name, said.body)
        assert list(asked_by_pod({"spec": spec})) == []


def test_what_restricted_forbids_beyond_it_is_named_by_the_cluster(standards: Requests) -> None:
    assert said_of(standards, "restricted", SPEC).code == 201
    for words, spec in RESTRICTED.items():
        said = said_of(standards, "restricted", spec)
        assert said.code == 403, (words, said.body)
        assert words.partition(",")[0] in said.message


def test_an_account_is_no_matter_of_the_standards(standards: Requests) -> None:
    for path, spec in ACCOUNTS.items():
        assert said_of(standards, "restricted", spec).code == 201, path
        assert [found for found, _ in asked_by_pod({"spec": spec})] == [f"spec.{path}"]
