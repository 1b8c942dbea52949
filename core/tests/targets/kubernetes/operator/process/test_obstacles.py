"""What stands in the way of an operator, by what an API server answers."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from tests.cluster.support import kaito

from llmwright.api.crd import crd
from llmwright.settings.namespace_selector import NamespaceSelector
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, UNREACHABLE, ApiError
from llmwright.targets.kubernetes.operator.process.obstacles import NAMES_SHOWN, Obstacles, beside

OURS = NamespaceSelector(match_labels={"llmwright.io/operator": "llmwright"})
ELSEWHERE = {"matchExpressions": [{"key": "llmwright.io/operator", "operator": "DoesNotExist"}]}
PAGE = 2


@dataclass
class Server:
    """Answers as an API server: two objects on each page; ``denied`` are plurals that may not be read."""

    served: bool = True
    definition: Any = field(default_factory=crd)
    webhook: Any = None
    binding: Any = None
    pods: list[Any] = field(default_factory=list)
    namespaces: list[Any] = field(default_factory=lambda: [space("default"), space("kube-system")])
    denied: frozenset[str] = frozenset()

    def kinds(self, _: str) -> list[Any]:
        return [{"name": "workspaces"}] if self.served else []

    def get(self, resource: Any, *_: Any) -> Any:
        self._asked(resource)
        return self.definition

    def find(self, resource: Any, *_: Any) -> Any:
        self._asked(resource)
        return self.webhook if "webhook" in resource.plural else self.binding

    def page(self, resource: Any, query: Any, **_: Any) -> Any:
        self._asked(resource)
        items = self.namespaces if resource.plural == "namespaces" else self.pods
        first = int(query.get("continue") or 0)
        more = {"continue": str(first + PAGE)} if len(items) > first + PAGE else {}
        return {"metadata": more, "items": items[first : first + PAGE]}

    def _asked(self, resource: Any) -> None:
        if resource.plural in self.denied:
            raise ApiError(f"GET /{resource.plural}: may not", code=FORBIDDEN, reason="Forbidden")


def space(name: str, **labels: str) -> Any:
    return {"metadata": {"name": name, "labels": labels} if labels else {"name": name}}


def obstacles(server: Server, selector: NamespaceSelector | None = None) -> Obstacles:
    return Obstacles(cast("Api", server), selector)


def pod(phase: str | None = None, image: str | None = None) -> Any:
    found = kaito.controller()
    if image:
        found["spec"]["containers"][0]["image"] = image
    return {**found, **({"status": {"phase": phase}} if phase else {})}


def test_nothing_stands_in_the_way() -> None:
    assert obstacles(Server()).first() == obstacles(Server(), OURS).first() == ""


def test_a_definition_that_is_missing_or_another_s_is_told_with_the_command() -> None:
    assert "does not serve workspaces.kaito.sh/v1beta1: `llmwright crd |" in obstacles(Server(served=False)).first()
    others = obstacles(Server(definition=kaito.kaitos_crd())).first()
    assert "it lacks v1alpha1." in others
    assert others.partition("lacks ")[2].partition(" and ")[0].count(",") == NAMES_SHOWN - 1


@pytest.mark.parametrize(
    ("selector", "theirs", "namespaces", "judged"),
    [
        (None, {}, [space("default")], "default"),
        (None, ELSEWHERE, [space("mine", **{"llmwright.io/operator": "llmwright"})], ""),
        (None, ELSEWHERE, [space("default")], "default"),
        (OURS, {}, [space("default")], ""),
        (OURS, {}, [space("a"), space("b"), space("mine", **{"llmwright.io/operator": "llmwright"})], "mine"),
        (OURS, ELSEWHERE, [space("mine", **{"llmwright.io/operator": "llmwright"})], ""),
        (OURS, {"matchLabels": {"team": "x"}}, [space("mine", **{"llmwright.io/operator": "llmwright"})], ""),
    ],
)
def test_kaito_s_webhook_stands_in_the_way_of_namespaces_that_it_judges(
    selector: NamespaceSelector | None, theirs: Any, namespaces: list[Any], judged: str
) -> None:
    webhook = kaito.webhook(**({"namespaceSelector": theirs} if theirs else {}))
    found = obstacles(Server(webhook=webhook, namespaces=namespaces), selector).first()
    assert (f"of namespace {judged}," in found) if judged else found == ""


@pytest.mark.parametrize(
    ("live", "stands"),
    [
        (pod(), True),
        (pod("Running"), True),
        (pod("Succeeded"), False),
        (pod("Failed"), False),
        (pod(image="ghcr.io/acme/workspace:1"), False),
    ],
)
def test_kaito_s_controller_stands_in_the_way_while_its_pod_lives(live: Any, stands: bool) -> None:
    assert (
        "KAITO's own controller runs (pod default/kaito-workspace-0)" in obstacles(Server(pods=[live])).first()
    ) == stands


def test_its_pod_is_found_behind_those_of_others() -> None:
    many = [pod(image="ghcr.io/acme/workspace:1")] * (2 * PAGE)
    assert "KAITO's own controller runs" in obstacles(Server(pods=[*many, pod()])).first()


def test_side_by_side_a_policy_has_to_keep_it_off() -> None:
    apart = Server(pods=[pod()], webhook=kaito.webhook(namespaceSelector=ELSEWHERE))
    assert "apply deploy/beside-kaito.yaml" in obstacles(apart, OURS).first()
    apart.binding = {"metadata": {"name": "llmwright-beside-kaito"}}
    assert obstacles(apart, OURS).first() == ""


def test_what_may_not_be_read_is_passed_over_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    denied = frozenset({"customresourcedefinitions", "validatingwebhookconfigurations"})
    looks = obstacles(Server(denied=denied, pods=[pod()]))
    for _ in range(3):
        assert "KAITO's own controller runs" in looks.first()
    assert [line.split(":")[0] for line in caplog.messages] == [f"GET /{each}" for each in sorted(denied)]
    assert all("`llmwright rbac` prints the role of this version" in line for line in caplog.messages)


def test_an_api_server_that_is_away_is_the_caller_s_to_tell() -> None:
    class Away(Server):
        def kinds(self, _: str) -> list[Any]:
            raise ApiError("no answer", code=UNREACHABLE, reason="ApiServerUnreachable")

    with pytest.raises(ApiError):
        obstacles(Away()).first()


def test_a_person_who_may_not_look_is_told() -> None:
    with pytest.raises(ApiError):
        beside(cast("Api", Server(denied=frozenset({"pods"}))), None)
