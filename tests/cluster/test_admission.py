"""The admission webhook, asked by a real API server.

Where a broken chain of trust must not go unseen, ``failurePolicy`` is ``Fail``: then nothing gets past it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.operating import SETTINGS, Shift
from tests.cluster.support.reviewing import CONFIGURATION, Relay, Requests, applied
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

from llmwright.targets.kubernetes.cluster.api_resources import WEBHOOK_CONFIGURATION, WEBHOOK_CONFIGURATIONS
from llmwright.testing.cluster import Cluster, OperatorProcess
from llmwright.testing.cluster.installation import rights
from llmwright.testing.cluster.operator_process import running
from llmwright.testing.cluster.programs import free_port

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
Operating = Callable[..., OperatorProcess]

VERSIONS = ("kaito.sh/v1beta1", "kaito.sh/v1alpha1")
VALIDITY_S = 16


def reached(port: int, webhook: Object | None = None) -> Object:
    """Settings with a webhook on this port, unless ``webhook`` says otherwise."""
    address = {"url": f"https://127.0.0.1:{port}/", "port": port, "failurePolicy": "Fail", "validity": VALIDITY_S}
    return {**SETTINGS, "webhook": {**address, **(webhook or {})}}


@pytest.fixture(scope="module")
def settings() -> Object:
    """Of the operator that most tests share."""
    return reached(free_port())


@pytest.fixture(scope="module", autouse=True)
def guarded(plane: Cluster, shift: Shift) -> Iterator[Cluster]:
    """Operators may keep the webhook's configuration, of which nothing is left afterwards."""
    plane.apply(*rights(webhook=True))
    yield plane
    shift.off()
    plane.kubectl("delete", str(WEBHOOK_CONFIGURATIONS), WEBHOOK_CONFIGURATION, "--ignore-not-found")
    plane.apply(*rights())


@pytest.fixture
def requests(guarded: Cluster) -> Iterator[Requests]:
    found = Requests(guarded)
    yield found
    found.close()


@pytest.fixture
def operating(requests: Requests, off_shift: None, guarded: Cluster, tmp_path: Path) -> Iterator[Operating]:
    """Operators with a webhook, not started yet; its configuration is empty before and after."""
    names = iter("abc")

    def make(*arguments: str, webhook: Object | None = None, **more: Any) -> OperatorProcess:
        folder = tmp_path / next(names)
        folder.mkdir()
        written = {**reached(free_port(), webhook), **more}
        return OperatorProcess(guarded.write_kubeconfig(folder / "kubeconfig"), folder, written, arguments)

    def empty() -> None:
        requests.send("DELETE", CONFIGURATION)
        guarded.apply(*rights(webhook=True))

    empty()
    yield make
    empty()


@pytest.fixture
def written(guarded: Cluster) -> Workspaces:
    """Workspaces as a user writes them."""
    return Workspaces(guarded)


def in_version(workspace: Object, version: str) -> Object:
    return {**workspace, "apiVersion": version}


def annotated(workspace: Object, **annotations: str) -> Object:
    named = {name.replace("_", "-"): value for name, value in annotations.items()}
    metadata = {**workspace["metadata"], "annotations": {f"kaito.sh/{name}": value for name, value in named.items()}}
    return {**workspace, "metadata": metadata}


def misspelt(workspace: Object) -> Object:
    return {**workspace, "inference": {"preset": {"name": "phi-4-mini-instrukt"}}}


def reviews(operator: OperatorProcess, outcome: str) -> float:
    lines = operator.answers(operator.metrics, "/metrics").splitlines()
    name = f'llmwright_admission_reviews_total{{outcome="{outcome}"}} '
    return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0.0)


def expiry(operator: OperatorProcess) -> str:
    lines = operator.answers(operator.metrics, "/metrics").splitlines()
    return next(line for line in lines if line.startswith("llmwright_admission_certificate_expiry"))


def test_what_check_refuses_is_refused_while_it_is_applied(
    operator: OperatorProcess, requests: Requests, written: Workspaces
) -> None:
    before = reviews(operator, "refused")
    for version in VERSIONS:
        wrong = misspelt(in_version(written.inference("misspelt"), version))
        code, seen = applied(written.plane, wrong)
        assert code == 1
        assert "inference.preset.name: unknown preset" in seen
        assert "did you mean 'phi-4-mini-instruct'?" in seen
        assert "[UnknownPreset]" in seen
        said = requests.create(wrong)
        assert (said.code, said.causes) == (422, [("inference.preset.name", "UnknownPreset")])
        assert "check.workspaces.kaito.sh" in said.message
    assert written.one("workspace", "misspelt") is None
    assert reviews(operator, "refused") == before + 4
    assert any("UnknownPreset" in line["message"] for line in operator.lines())


def test_warnings_are_shown_and_hold_up_nothing(
    operator: OperatorProcess, requests: Requests, written: Workspaces
) -> None:
    for number, version in enumerate(VERSIONS):
        odd = annotated(in_version(written.inference(f"odd-{number}"), version), runtime="vlm")
        written.names.append(f"odd-{number}")
        code, seen = applied(written.plane, odd)
        assert code == 0, seen
        assert 'Warning: metadata.annotations["kaito.sh/runtime"]' in seen
    written.clear()


def test_what_other_objects_decide_is_left_to_the_status(
    operator: OperatorProcess, requests: Requests, written: Workspaces
) -> None:
    early = written.inference("early")
    early["inference"]["config"] = "comes-later"
    assert requests.create(early).code == 201
    hub = written.inference("hub")
    hub["inference"]["preset"]["name"] = "some-org/some-model"
    assert requests.create(hub).code == 201


def test_what_is_fixed_stays(operator: OperatorProcess, requests: Requests, written: Workspaces) -> None:
    first = written.tuning("fixed")
    # The rules of the CRD leave a selector by expressions to the webhook.
    expression = {"key": "ws", "operator": "In", "values": ["other"]}
    other = {"resource": {"labelSelector": {"matchLabels": None, "matchExpressions": [expression]}}}
    written.apply(first)
    for version in VERSIONS:
        said = requests.merge(in_version(first, version), other, dry=True)
        assert (said.code, said.causes) == (422, [("resource.labelSelector", "Immutable")]), said.body
    assert requests.merge(first, {"tuning": {"output": {"image": "registry.example.com/out:2"}}}).code == 200
    written.clear()


@pytest.mark.parametrize("damage", ["deleted", "emptied", "another bundle"])
def test_a_configuration_that_is_spoilt_is_put_back(
    damage: str, operator: OperatorProcess, requests: Requests, written: Workspaces
) -> None:
    found = requests.send("GET", CONFIGURATION).body
    if damage == "deleted":
        # The operator may not make one: whoever installs it does, and it is empty.
        requests.send("DELETE", CONFIGURATION)
        written.plane.apply(*rights(webhook=True))
    elif damage == "emptied":
        requests.send("PUT", CONFIGURATION, {**found, "webhooks": []})
    else:
        client = {**found["webhooks"][0]["clientConfig"], "caBundle": ""}
        requests.send("PUT", CONFIGURATION, {**found, "webhooks": [{**found["webhooks"][0], "clientConfig": client}]})
    wait_until(requests.trusted, "the configuration is back")
    wrong = misspelt(written.inference("spoilt"))
    wait_until(lambda: "[UnknownPreset]" in requests.create(wrong).message, "it refuses again")


def test_what_an_administrator_adds_stays_and_what_they_change_does_not(
    operator: OperatorProcess, requests: Requests, written: Workspaces
) -> None:
    spared = {"matchExpressions": [{"key": "spared", "operator": "DoesNotExist"}]}
    found = requests.send("GET", CONFIGURATION).body
    ours = {**found["webhooks"][0], "namespaceSelector": spared, "timeoutSeconds": 30}
    assert requests.send("PUT", CONFIGURATION, {**found, "webhooks": [ours]}).code == 200

    def webhook() -> Object:
        (one,) = requests.send("GET", CONFIGURATION).body["webhooks"]
        return dict(one)

    wait_until(lambda: webhook()["timeoutSeconds"] == 5, "our own is back")
    assert webhook()["namespaceSelector"] == spared


def test_drivers_judge_their_own_options(operating: Operating, requests: Requests, written: Workspaces) -> None:
    odd = written.inference("odd-options", provisionerConfig={"nonsense": 1})
    with running(operating(blockedPlugins=["provisioner:karpenter"])):
        assert requests.create(odd).causes == [("resource.provisionerConfig.nonsense", "Invalid")]
        missing = requests.create(written.inference("unplugged", provisioner="karpenter"))
        assert missing.causes == [("resource.provisioner", "PluginNotFound")]
        assert "llmwright-provisioner-karpenter" in missing.message
        assert requests.create(written.inference("plugged", provisioner="byo")).code == 201


def test_one_that_became_invalid_is_changed_in_peace_and_goes(
    operating: Operating, requests: Requests, written: Workspaces
) -> None:
    old = written.inference("older")
    written.apply(old)
    limits = {"instanceTypes": ["Standard_NC4as_T4_v3"]}
    with running(operating(limits=limits)):
        written.until("older", "Stalled", reason="LimitExceeded")
        assert requests.create(written.inference("newer")).causes == [("resource.instanceType", "LimitExceeded")]
        assert requests.merge(old, {"metadata": {"labels": {"team": "a"}}}).code == 200
        assert requests.merge(old, {"metadata": {"annotations": {"example.com/note": "b"}}}).code == 200
        said = requests.merge(old, {"inference": {"replicas": 2}})
        assert said.causes == [("resource.instanceType", "LimitExceeded")], said.body
        written.plane.kubectl(
            "patch", "workspace", "older", "--type=merge", "-p", '{"metadata":{"finalizers":["a/b"]}}'
        )
        requests.delete(old)
        assert requests.merge(old, {"metadata": {"finalizers": None}}).code in (200, 404)
        wait_until(lambda: written.one("workspace", "older") is None, "it is gone")


def test_certificates_change_and_nobody_notices(operating: Operating, requests: Requests, written: Workspaces) -> None:
    with running(operating(webhook={"validity": 8})) as operator:
        seen, bundles = {expiry(operator)}, {*requests.trusted()}
        while len(seen) < 4:
            said = requests.create(written.inference("rotating"))
            assert said.code == 201, said.body
            seen.add(expiry(operator))
            bundles |= {*requests.trusted()}
        assert len(bundles) >= 4
        assert len(requests.trusted()) <= 3
        assert reviews(operator, "error") == 0


def test_replicas_serve_beside_each_other(operating: Operating, requests: Requests, written: Workspaces) -> None:
    ports = free_port(), free_port()
    relay = Relay(*ports)
    url = f"https://127.0.0.1:{relay.port}/"
    # Certificates that outlive the test: one that expires meanwhile is trusted no longer, and another takes its place.
    lasting = {"url": url, "validity": 3600}
    first, second = (
        operating("--leader-elect", webhook={**lasting, "port": port, "timeout": timeout})
        for port, timeout in zip(ports, (10, 11), strict=True)
    )

    def timeout() -> int:
        (webhook,) = requests.send("GET", CONFIGURATION).body["webhooks"]
        return int(webhook["timeoutSeconds"])

    before = {*requests.trusted()}
    try:
        first.start(wait=False)
        wait_until(lambda: {*requests.trusted()} - before, "the first is trusted")
        firsts = {*requests.trusted()} - before
        wait_until(lambda: timeout() == 10, "the first leads")
        with running(second):
            wait_until(lambda: first.answers(first.health, "/readyz") == "ok\n", "the first is ready")
            for _ in range(20):
                said = requests.create(written.inference("shared"))
                assert said.code == 201, said.body
            assert reviews(first, "allowed") >= 5
            assert reviews(second, "allowed") >= 5
            # Only the one that leads decides about more than its own certificates.
            assert timeout() == 10
            assert len(firsts) == 1
            assert {*requests.trusted()} > firsts
            first.end()
            assert not {*requests.trusted()} & firsts
            wait_until(lambda: timeout() == 11, "the other leads")
            for _ in range(5):
                assert requests.create(misspelt(written.inference("shared"))).code == 422
    finally:
        relay.stop()


def test_without_it_all_goes_on_and_the_status_refuses(
    operating: Operating, requests: Requests, written: Workspaces
) -> None:
    operator = operating(webhook={"failurePolicy": "Ignore"})
    operator.start()
    operator.kill()
    wrong = misspelt(written.inference("unseen"))
    code, seen = applied(written.plane, wrong)
    assert code == 0, seen
    with running(operator):
        written.until("unseen", "Stalled", reason="UnknownPreset")
        assert requests.create(misspelt(written.inference("seen"))).code == 422
        requests.delete(wrong)
        wait_until(lambda: written.one("workspace", "unseen") is None, "it is gone")


def test_a_dead_one_holds_up_no_deletion(operating: Operating, requests: Requests, written: Workspaces) -> None:
    operator = operating()
    operator.start()
    one = written.inference("orphaned")
    written.apply(one)
    written.until("orphaned", "ResourceReady", "False")
    operator.kill()
    assert requests.merge(one, {"metadata": {"labels": {"team": "a"}}}).code == 500
    assert requests.delete(one).code == 200
    requests.merge(one, {"metadata": {"finalizers": None}})
    wait_until(lambda: written.one("workspace", "orphaned") is None, "it is gone")


def test_a_service_leads_to_it(operating: Operating, requests: Requests, written: Workspaces) -> None:
    port = free_port()
    spec = {"type": "ExternalName", "externalName": "localhost"}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "checks", "namespace": "default"},
        "spec": spec,
    }
    written.plane.apply(service)
    webhook = {"url": None, "service": "default/checks", "servicePort": port, "port": port}
    with running(operating(webhook=webhook)):
        assert requests.create(written.inference("by-service")).code == 201
        assert requests.create(misspelt(written.inference("by-service"))).code == 422
    written.plane.kubectl("delete", "service", "checks")


def test_a_replica_that_may_not_make_itself_known_is_not_ready(
    operating: Operating, requests: Requests, written: Workspaces
) -> None:
    written.plane.apply(*rights())
    operator = operating()
    operator.start(wait=False)
    try:
        said = "could not be made known"
        wait_until(lambda: operator.log.exists() and said in operator.log.read_text(), "it says so")
        assert operator.answers(operator.health, "/readyz") == ""
        assert operator.answers(operator.health, "/healthz") == "ok\n"
        written.apply(written.inference("anyhow"))
        written.until("anyhow", "ResourceReady", "False")
        written.clear()
        written.plane.apply(*rights(webhook=True))
        wait_until(lambda: operator.answers(operator.health, "/readyz") == "ok\n", "it is ready")
    finally:
        written.plane.apply(*rights(webhook=True))
        operator.end()
