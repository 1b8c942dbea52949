"""A namespace with Pod Security ``restricted``, a quota and limits: pods are admitted, or no node is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.cluster.support.operating import BUYING, LEVEL, Shift
from tests.cluster.support.workspaces import CLAIMS, Workspaces
from tests.cluster.test_manifests import with_goldens
from tests.conformance.manifest_scenario import Cluster as Rendering
from tests.support.waiting import wait_until

from llmwright.errors import ConfigError
from llmwright.targets.kubernetes.manifests.pods_to_come import pods_to_come
from llmwright.targets.kubernetes.target import ClusterTarget
from llmwright.testing.cluster import Cluster, OperatorProcess

pytestmark = pytest.mark.cluster

Object = dict[str, Any]

CAREFUL = "careful"
REFUSED = {"local weights": "hostPath", "template": "runAsNonRoot", "template_inference": "runAsNonRoot"}
"""Scenarios whose pods the standard refuses: a user's own pod, and weights in a folder of the node. Words of why."""


@pytest.fixture(scope="module")
def settings() -> Object:
    return {**BUYING, "preflight": True}


@pytest.fixture(scope="module")
def careful(plane: Cluster) -> Iterator[str]:
    """A namespace that admits pods of the standard ``restricted`` alone."""
    plane.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": CAREFUL, "labels": {LEVEL: "restricted"}}}
    )
    wait_until(lambda: plane.fetch(f"/api/v1/namespaces/{CAREFUL}/serviceaccounts/default"), "pods may be made")
    yield CAREFUL
    plane.kubectl("delete", "namespace", CAREFUL, "--wait=false")


@pytest.mark.parametrize(("name", "given"), with_goldens().items(), ids=lambda it: it if isinstance(it, str) else "")
def test_restricted_admits_every_pod(plane: Cluster, careful: str, name: str, given: Object) -> None:
    workload = dict(Rendering().objects(given)["workload"])
    kind = "StatefulSet" if "replicas" in workload["spec"] else "Job"
    metadata = {**workload["metadata"], "namespace": careful}
    pods = pods_to_come(({**workload, "kind": kind, "metadata": metadata},))
    assert pods
    text = "\n---\n".join(map(json.dumps, pods))
    create = ("create", "--dry-run=server", "--validate=strict", "-f", "-")
    if name not in REFUSED:
        assert "created (server dry run)" in plane.kubectl(*create, stdin=text)
        return
    with pytest.raises(Exception, match=REFUSED[name]):
        plane.kubectl(*create, stdin=text)


def claims(plane: Cluster, name: str) -> list[Object]:
    return plane.get(CLAIMS, f"-lkaito.sh/workspace={name}")


def test_a_tuning_with_all_its_pods_in_a_restricted_namespace(workspaces: Workspaces, strict: None) -> None:
    workspaces.node("spare-node", "nobody")
    workspaces.apply(workspaces.tuning("careful-tune"))
    workspaces.until("careful-tune", "InferenceReady")
    assert workspaces.condition("careful-tune", "PreflightSucceeded")[0] == "True"
    assert workspaces.condition("careful-tune", "WorkspaceSucceeded")[0] == "True"


Limit = Callable[[Object], None]


@pytest.fixture
def limit(plane: Cluster) -> Iterator[Limit]:
    """Makes an object that limits the namespace, and takes it away after the test.

    The controller that counts for quotas is played too: what is not counted is refused in other words.
    """
    made: list[str] = []

    def make(found: Object) -> None:
        kind = found["kind"].lower()
        plane.apply({"apiVersion": "v1", "metadata": {"name": "tight", "namespace": "default"}, **found})
        made.append(kind)
        if kind == "resourcequota":
            hard = found["spec"]["hard"]
            patch = json.dumps({"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}})
            plane.kubectl("patch", kind, "tight", "--subresource=status", "--type=merge", "-p", patch)

    yield make
    for kind in made:
        plane.kubectl("delete", kind, "tight", "--ignore-not-found")


QUOTA = {"kind": "ResourceQuota", "spec": {"hard": {"requests.nvidia.com/gpu": "0"}}}
RANGE = {"kind": "LimitRange", "spec": {"limits": [{"type": "Container", "max": {"memory": "1Gi"}}]}}


@pytest.mark.parametrize(
    ("name", "tight", "reason", "words"),
    [
        ("over-quota", QUOTA, "QuotaExceeded", "exceeded quota: tight"),
        ("over-range", RANGE, "PodRefused", "maximum memory usage per Container is 1Gi"),
    ],
)
def test_no_node_is_asked_for_while_the_pod_would_be_refused(
    workspaces: Workspaces, limit: Limit, name: str, tight: Object, reason: str, words: str
) -> None:
    limit(tight)
    workspaces.apply(workspaces.inference(name))
    workspaces.until(name, "ResourceReady", "False", reason)
    assert words in workspaces.told(name, "ResourceReady")["message"]
    assert workspaces.condition(name, "Stalled") == ("True", reason)
    assert claims(workspaces.plane, name) == []
    workspaces.plane.kubectl("delete", tight["kind"].lower(), "tight")
    # It is asked again by itself.
    workspaces.until(name, "Ready")
    assert len(claims(workspaces.plane, name)) == 1


def test_no_node_is_asked_for_a_pod_of_the_user_that_the_standard_refuses(workspaces: Workspaces, strict: None) -> None:
    wanted = workspaces.inference("of-root")
    wanted["inference"] = {"template": {"spec": {"containers": [{"name": "c", "image": "registry.example/i:1"}]}}}
    workspaces.apply(wanted)
    workspaces.until("of-root", "ResourceReady", "False", "PodRefused")
    message = workspaces.told("of-root", "ResourceReady")["message"]
    assert 'violates PodSecurity "restricted:latest"' in message
    assert claims(workspaces.plane, "of-root") == []


RULE = "object.spec.containers.all(c, c.image.startsWith('mirror.example/'))"
PULLED = "images are pulled from mirror.example alone"
NAMED = {"metadata": {"name": "tight"}, "apiVersion": "admissionregistration.k8s.io/v1"}
PODS = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
POLICY = {
    **NAMED,
    "kind": "ValidatingAdmissionPolicy",
    "spec": {
        "matchConstraints": {"resourceRules": [PODS]},
        "validations": [{"expression": RULE, "message": PULLED}],
    },
}
BINDING = {
    **NAMED,
    "kind": "ValidatingAdmissionPolicyBinding",
    "spec": {"policyName": "tight", "validationActions": ["Deny"]},
}


@pytest.fixture
def policed(plane: Cluster) -> Iterator[Callable[[], None]]:
    """An admission policy of the cluster's owner; the call takes it away."""
    probe = {**NAMED, "apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "c", "image": "other/i:1"}]}}

    def is_refused() -> bool:
        text = json.dumps(probe)
        return PULLED in plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=text, check=False)

    def lift() -> None:
        plane.kubectl("delete", "validatingadmissionpolicybindings,validatingadmissionpolicies", "tight")

    plane.apply(POLICY, BINDING)
    wait_until(is_refused, "the policy holds")
    yield lift
    plane.kubectl("delete", "validatingadmissionpolicybindings,validatingadmissionpolicies", "--all")


def test_no_node_is_asked_for_a_pod_that_a_policy_of_the_cluster_refuses(
    workspaces: Workspaces, policed: Callable[[], None]
) -> None:
    workspaces.apply(workspaces.inference("policed"))
    workspaces.until("policed", "ResourceReady", "False", "PodRefused")
    message = workspaces.told("policed", "ResourceReady")["message"]
    assert PULLED in message
    assert "ValidatingAdmissionPolicy 'tight'" in message
    assert claims(workspaces.plane, "policed") == []
    policed()
    workspaces.until("policed", "Ready")


def test_what_its_author_may_not_ask_for_is_said_in_the_status_without_a_webhook(
    workspaces: Workspaces, operator: OperatorProcess
) -> None:
    wanted = workspaces.inference("of-the-node")
    pod = {"hostPID": True, "containers": [{"name": "c", "image": "registry.example/i:1"}]}
    wanted["inference"] = {"template": {"spec": pod}}
    directory = {"volumeSource": {"hostPath": {"path": "/etc/kubernetes"}}}
    workspaces.apply(wanted, workspaces.tuning("of-etc", input=directory))
    paths = {"of-the-node": "inference.template.spec.hostPID", "of-etc": "tuning.input.volumeSource.hostPath"}
    reasons = {"of-the-node": "PrivilegedTemplate", "of-etc": "PrivilegedVolume"}
    for name, path in paths.items():
        workspaces.until(name, "Stalled", "True", reasons[name])
        assert path in workspaces.told(name, "Stalled")["message"]
        assert claims(workspaces.plane, name) == []
        assert workspaces.one("statefulset", name) is None
        assert workspaces.one("job", name) is None
    lines = operator.answers(operator.metrics, "/metrics").splitlines()
    stalled = [line for line in lines if line.startswith("llmwright_workspaces_stalled{") and line.endswith(" 1.0")]
    for name, reason in reasons.items():
        assert any(f'workspace="{name}"' in line and f'reason="{reason}"' in line for line in stalled), stalled


def test_a_template_that_was_accepted_before_runs_on_when_it_is_allowed_no_more(
    plane: Cluster, shift: Shift, settings: Object
) -> None:
    shift.on({**settings, "privilegedTemplates": True}, {})
    running = Workspaces(plane)
    wanted = running.inference("privileged", provisioner="byo")
    pod = {"hostIPC": True, "containers": [{"name": "c", "image": "registry.example/i:1"}]}
    wanted["inference"] = {"template": {"spec": pod}}
    running.node("privileged-node", "privileged")
    running.apply(wanted)
    running.until("privileged", "Ready")

    def as_they_are() -> list[Object]:
        """Its server and its pod, without what changes while nothing does."""
        found = [*plane.get("statefulsets", chosen), *plane.get("pods", chosen)]
        return [{"uid": one["metadata"]["uid"], "spec": one["spec"]} for one in found]

    chosen, passed = "-lkaito.sh/workspace=privileged", 'result="success"'
    before = as_they_are()
    assert len(before) == 2
    operator = shift.on(settings, {})
    plane.kubectl("label", "workspace", "privileged", "team=a")

    def passes() -> float:
        lines = operator.answers(operator.metrics, "/metrics").splitlines()
        counted = [line for line in lines if line.startswith("controller_runtime_reconcile_total") and passed in line]
        return sum(float(line.rpartition(" ")[2]) for line in counted)

    wait_until(lambda: passes() >= 2, "the new operator looked at it")
    assert as_they_are() == before
    assert running.condition("privileged", "Ready")[0] == "True"
    assert running.condition("privileged", "Stalled")[0] == "False"
    running.until("privileged", "UpdateAvailable", "True", "NoLongerAllowed")
    assert "inference.template.spec.hostIPC" in running.told("privileged", "UpdateAvailable")["message"]
    target = ClusterTarget(str(plane.kubeconfig))
    with pytest.raises(ConfigError, match=r"default/privileged cannot be rolled out: .*hostIPC"):
        target.changing.roll_out(target.get("default", "privileged"), datetime.now(UTC))
    shift.on({**settings, "privilegedTemplates": True}, {})
    running.until("privileged", "UpdateAvailable", "")
    assert as_they_are() == before
    running.clear()
