"""``plan --online`` and ``doctor`` with the provisioner ``aks``, against the local Azure over HTTPS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.arm.support.asking import NO_SDK
from tests.arm.support.clock import RealClock
from tests.arm.support.cloud import SUBSCRIPTION, Cloud
from tests.arm.support.identity import ASSERTION
from tests.arm.support.server import ArmServer
from tests.arm.support.wire import Answer
from tests.support.command import Ran, Run

Case = tuple[str, Callable[[ArmServer], object], dict[str, Any], str, str]
"""Name, harm, settings, the line that is to be shown, and what to do."""

CLUSTERS = "Microsoft.ContainerService/managedClusters"
SIZE = "Standard_NC24ads_A100_v4"
FAMILY = "StandardNCADSA100v4Family"
WORKSPACE = f"""\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {{name: small}}
resource:
  instanceType: {SIZE}
  labelSelector: {{matchLabels: {{apps: x}}}}
  provisioner: aks
inference: {{preset: {{name: phi-4-mini-instruct}}}}
"""
CHECK = "check subscriptionId, resourceGroup and clusterName under plugins.provisioner.aks"
NETWORK = "check the network, and cloud and resourceManager under plugins.provisioner.aks"
ROLE = "give the operator's identity the role of docs/aks.md"
SECRETS = ("arm-test-token", ASSERTION)
Write = Callable[..., Path]


@pytest.fixture
def azure(monkeypatch: pytest.MonkeyPatch) -> Iterator[ArmServer]:
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    cloud = Cloud(RealClock())
    cloud.add_cluster()
    with ArmServer(cloud) as server:
        for name, value in server.environ().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("KUBECONFIG", "/nowhere/config")
        yield server


@pytest.fixture
def asked(azure: ArmServer, run: Run, written: Write) -> Callable[..., tuple[Ran, Ran]]:
    """How ``doctor`` and ``plan --online`` end, with these settings of the provisioner."""

    def ask(**settings: Any) -> tuple[Ran, Ran]:
        named = {"subscriptionId": SUBSCRIPTION, "resourceGroup": "rg", "clusterName": "prod"}
        aks = {**named, "resourceManager": azure.endpoint, **settings}
        written(yaml.safe_dump({"provisioner": "aks", "plugins": {"provisioner": {"aks": aks}}}), "llmwright.yaml")
        plan = run("plan", "--target", "kubernetes", "--online", "-f", written(WORKSPACE))
        return run("doctor"), plan

    return ask


def nothing(azure: ArmServer) -> None:
    """All is well."""


def denied(action: str) -> Callable[[ArmServer], None]:
    return lambda azure: azure.cloud.denied.add(action)


def in_state(power: str, provisioning: str) -> Callable[[ArmServer], None]:
    def set_state(azure: ArmServer) -> None:
        cluster = azure.cloud.clusters["rg", "prod"]
        cluster.power, cluster.provisioning = power, provisioning

    return set_state


def full(azure: ArmServer) -> None:
    for number in range(99):
        azure.cloud.clusters["rg", "prod"].seed_pool(f"p{number}")


CASES: tuple[Case, ...] = (
    ("read", denied(f"{CLUSTERS}/read"), {}, "problem      AKS cluster: looking for the cluster prod: Auth", ROLE),
    ("list", denied(f"{CLUSTERS}/agentPools/read"), {}, "problem      AKS cluster: listing the agent pools: A", ROLE),
    ("stopped", in_state("Stopped", "Succeeded"), {}, "problem      AKS cluster: prod in rg, eastus is stopped",
     "start it: az aks start --resource-group rg --name prod"),
    ("upgrading", in_state("Running", "Upgrading"), {}, "problem      AKS cluster: prod in rg, eastus is Upgrading",
     "wait until it is over"),
    ("full", full, {}, "problem      agent pools: 100 of at most 100", "delete pools that nobody needs"),
    ("subscription", nothing, {"subscriptionId": "00000000-0000-0000-0000-00000000dead"},
     "cluster prod: SubscriptionNotFound: The subscription '00000000-0000-0000-0000-00000000dead'", CHECK),
    ("group", nothing, {"resourceGroup": "wrong"}, "ResourceGroupNotFound: Resource group 'wrong'", CHECK),
    ("name", nothing, {"clusterName": "wrong"}, "looking for the cluster wrong: ResourceNotFound", CHECK),
    ("unreachable", nothing, {"resourceManager": "https://localhost:9"}, "Azure did not answer: HTTPS", NETWORK),
)  # fmt: skip


@pytest.mark.parametrize(("harm", "settings", "line", "remedy"), [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])  # fmt: skip
def test_what_is_wrong_with_the_cluster_is_one_line_with_a_remedy(
    azure: ArmServer, asked: Callable[..., tuple[Ran, Ran]], harm: Callable[[ArmServer], object],
    settings: dict[str, Any], line: str, remedy: str,
) -> None:  # fmt: skip
    harm(azure)
    for ran in asked(**settings):
        assert ran.code == 1
        assert ran.out.count(line) == 1, ran.out
        assert ran.out.count(remedy) == 1, ran.out
        assert ran.out.count("problem  ") == 1, ran.out
        assert not any(secret in ran.out + ran.err for secret in SECRETS)


PLANS: tuple[Case, ...] = (
    ("quota", lambda azure: vars(azure.cloud.quotas[FAMILY]).update(limit=20), {},
     f"problem      quota {FAMILY} in eastus: limit 20, used 0; 1 x {SIZE} needs 24 cores",
     f"raise it: az quota update --resource-name {FAMILY} --scope /subscriptions/{SUBSCRIPTION}/"),
    ("restricted", lambda azure: azure.cloud.skus[SIZE].restrict("eastus"), {},
     f"problem      {SIZE} in eastus: Azure does not offer {SIZE} in eastus: NotAvailableForSubscription",
     "ask Azure's support to enable it for the subscription, or name another size"),
    ("not offered", lambda azure: azure.cloud.skus.pop(SIZE), {},
     f"problem      {SIZE} in eastus: Azure does not offer {SIZE} in eastus", "name another size or region"),
    ("usages", denied("Microsoft.Compute/locations/usages/read"), {},
     "problem      machines: reading the quotas of eastus: AuthorizationFailed", ROLE),
)  # fmt: skip


@pytest.mark.parametrize(("harm", "line", "remedy"), [(case[1], *case[3:]) for case in PLANS],
                         ids=[case[0] for case in PLANS])  # fmt: skip
def test_what_stands_in_the_way_of_machines_is_told_by_the_plan_alone(
    azure: ArmServer, asked: Callable[..., tuple[Ran, Ran]], harm: Callable[[ArmServer], object], line: str, remedy: str
) -> None:
    harm(azure)
    doctor, plan = asked()
    assert (doctor.code, plan.code) == (0, 1)
    assert plan.out.count(line) == 1, plan.out
    assert plan.out.count(remedy) == 1, plan.out
    assert "pools.put" not in {call.kind for call in azure.cloud.calls}


def test_a_plan_that_nothing_stands_in_the_way_of_ends_with_0(asked: Callable[..., tuple[Ran, Ran]]) -> None:
    doctor, plan = asked()
    assert (doctor.code, plan.code) == (0, 0)
    assert f"ok           quota {FAMILY} in eastus: limit 100000, used 0; 1 x {SIZE} needs 24 cores" in plan.out


@pytest.mark.parametrize(("token", "line"), [
    (None, "AzureCliCredential: Azure CLI not found on path"),
    ("not the one of this pod", "WorkloadIdentityCredential: Microsoft Entra ID error '(invalid_client) AADSTS700213"),
], ids=["none", "refused"])  # fmt: skip
def test_each_credential_that_was_tried_is_named_with_its_reason(
    azure: ArmServer, asked: Callable[..., tuple[Ran, Ran]], monkeypatch: pytest.MonkeyPatch,
    token: str | None, line: str,
) -> None:  # fmt: skip
    if token is None:
        monkeypatch.delenv("AZURE_FEDERATED_TOKEN_FILE")
        monkeypatch.setenv("PATH", "/nowhere")
        azure.identity.refuse = [
            Answer(400, {"error": "invalid_request", "error_description": "Identity not found"})
        ] * 9
    else:
        azure.token_file.write_text(token)
    for ran in asked():
        assert ran.code == 1
        assert ran.out.count(line) == 1, ran.out
        assert ran.out.count("see docs/aks.md, 'Identity'") == 1
        assert not any(secret in ran.out + ran.err for secret in (*SECRETS, token or ASSERTION))


def test_settings_that_cannot_be_used_end_with_2(asked: Callable[..., tuple[Ran, Ran]]) -> None:
    doctor, plan = asked(resourceManager="http://x")
    assert (doctor.code, plan.code) == (1, 2)
    line = "plugins.provisioner.aks.resourceManager: write https://HOST, without a path: a token goes there"
    assert line in doctor.out
    assert plan.err == f"error: {line}\n"
