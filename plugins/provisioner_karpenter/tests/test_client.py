"""What the API server refuses, and what is nobody's any more."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.http_site import Site

from llmwright.errors import ConfigError, TargetError
from llmwright.targets.kubernetes.cluster.listing import living
from llmwright.testing import make_context
from llmwright.values.nodes import ProvisionerAction
from llmwright_provisioner_karpenter.client import KarpenterClient, connect
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner
from llmwright_provisioner_karpenter.karpenter_client import Configuration


def claim(name: str, workspace: str) -> Any:
    return {
        "metadata": {"name": name, "labels": {"kaito.sh/workspace": workspace, "kaito.sh/workspacenamespace": "ns"}}
    }


def pool(name: str, workspace: str) -> Any:
    labels = {"karpenter.kaito.sh/workspace-name": workspace, "karpenter.kaito.sh/workspace-namespace": "ns"}
    return {"metadata": {"name": name, "labels": labels}}


def names(driver: Any, plans: dict[tuple[str, str], dict[str, Any] | None]) -> list[str]:
    objects = [
        {"metadata": {"namespace": space, "name": name}, "status": {"plan": plan}}
        for (space, name), plan in plans.items()
    ]
    return [orphan.name for orphan in driver.orphans(living(objects), None)]


def test_what_has_no_workspace_is_an_orphan(driver: Any, world: Any) -> None:
    world.apply("nodeclaims", "ws1", claim("ws1", "alive"))
    world.apply("nodeclaims", "ws2", claim("ws2", "dead"))
    world.apply("nodeclaims", "ws3", claim("ws3", "dead"))
    world.objects["nodeclaims"]["ws3"]["metadata"]["managedFields"] = [{"manager": "kaito"}]
    world.apply("nodepools", "ns-dead", pool("ns-dead", "dead"))
    world.apply("nodepools", "ns-alive", pool("ns-alive", "alive"))
    for number, owner in enumerate(("dead", "alive", "others")):
        pooled = pool(f"pooled{number}", owner)
        pooled["metadata"]["labels"]["karpenter.sh/nodepool"] = f"ns-{owner}"
        world.apply("nodeclaims", f"pooled{number}", pooled)
        world.objects["nodeclaims"][f"pooled{number}"]["metadata"]["managedFields"] = [{"manager": "karpenter"}]
    assert names(driver, {("ns", "alive"): None}) == ["nodepool/ns-dead", "nodeclaim/ws2", "nodeclaim/pooled0"]


@pytest.mark.parametrize(
    ("plan", "orphans"),
    [
        (None, []),
        ({"provisioner": "karpenter"}, []),
        ({"provisioner": "karpenter", "options": {"mode": "nodeclaim"}}, ["nodepool/ns-ws"]),
        ({"provisioner": "karpenter", "options": {"mode": "nodepool"}}, ["nodeclaim/ws1"]),
        ({"provisioner": "byo"}, ["nodepool/ns-ws", "nodeclaim/ws1"]),
    ],
)
def test_what_the_plan_of_a_workspace_does_not_need_is_an_orphan(
    driver: Any, world: Any, plan: dict[str, Any] | None, orphans: list[str]
) -> None:
    world.apply("nodeclaims", "ws1", claim("ws1", "ws"))
    world.apply("nodepools", "ns-ws", pool("ns-ws", "ws"))
    assert names(driver, {("ns", "ws"): plan}) == orphans


def test_deleting_what_is_gone_or_anothers_is_no_error(driver: Any, world: Any) -> None:
    world.apply("nodeclaims", "ws1", claim("ws1", "alive"))
    for called, uid in (("ws1", "another"), ("ws2", "any")):
        driver.act(ProvisionerAction(verb="delete-nodeclaim", name=called, body={"uid": uid}))
    assert "deletionTimestamp" not in world.objects["nodeclaims"]["ws1"]["metadata"]


def test_no_answer_is_an_error_with_a_reason() -> None:
    configuration = Configuration(host="http://127.0.0.1:9")
    configuration.proxy = None
    driver = KarpenterProvisioner(make_context(cluster=SimpleNamespace(configuration=configuration)))
    with pytest.raises(TargetError, match="delete NodeClaim ws1") as refused:
        driver.act(ProvisionerAction(verb="delete-nodeclaim", name="ws1", body={"uid": ""}))
    assert refused.value.reason == "ApiServerUnreachable"


def test_without_a_cluster_it_says_so() -> None:
    with pytest.raises(ConfigError, match="needs a cluster"):
        connect(None)


def test_there_is_no_other_verb(driver: Any) -> None:
    with pytest.raises(ValueError, match="dance"):
        driver.act(ProvisionerAction(verb="dance", name="ws1"))


@pytest.fixture
def site() -> Iterator[Site]:
    found = Site()
    yield found
    found.close()


PATH = "/apis/karpenter.sh"


def client_of(site: Site) -> KarpenterClient:
    configuration = Configuration(host=site.url)
    configuration.proxy = None
    return connect(SimpleNamespace(configuration=configuration))


@pytest.mark.parametrize("body", [b"<title>Log in</title>", b"[]", b""])
def test_what_is_no_answer_of_an_api_server_is_told(site: Site, body: bytes) -> None:
    site.gives(PATH, body)
    with pytest.raises(TargetError, match=f"GET {PATH}: what answers there is no API server") as no:
        client_of(site).preferred_version("karpenter.sh")
    assert no.value.reason == "ApiServerUnreachable"


@pytest.mark.parametrize(("wait", "seconds"), [("7", 7.0), ("soon", None)])
def test_a_server_that_asks_for_a_pause_gets_it(site: Site, wait: str, seconds: float | None) -> None:
    site.gives(PATH, b'{"message": "too many requests", "reason": "TooManyRequests"}', 429, Retry_After=wait)
    with pytest.raises(TargetError, match="too many requests") as refused:
        client_of(site).preferred_version("karpenter.sh")
    assert (refused.value.reason, refused.value.retry_after_s) == ("TooManyRequests", seconds)


def test_a_refusal_without_words_names_its_request(site: Site) -> None:
    site.gives(PATH, b"[1]", 500)
    with pytest.raises(TargetError, match=rf"GET {PATH}: \[1\]"):
        client_of(site).preferred_version("karpenter.sh")
