"""Requests of commands: refusals that say what to do, and patience."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from llmwright.errors import TargetError
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, NOT_FOUND, ApiError, unreachable
from llmwright.targets.kubernetes.commands.access import Access

API = cast("Api", SimpleNamespace(configuration=SimpleNamespace(host="https://cluster")))
DENIED = 'GET /x: {} is forbidden: User "{}" cannot {} resource "{}" in API group "{}"{}'


def refused(error: ApiError) -> TargetError:
    def request(_: Api) -> Any:
        raise error

    with pytest.raises(TargetError) as caught:
        Access(API, lambda _: None, 0.0).ask(request)
    return caught.value


@pytest.mark.parametrize(
    ("verb", "resource", "group", "where", "role", "binding"),
    [
        ("list", "workspaces", "kaito.sh", ' in the namespace "models"', "llmwright-view", "rolebinding"),
        ("patch", "workspaces", "kaito.sh", ' in the namespace "models"', "llmwright-edit", "rolebinding"),
        ("get", "pods/log", "", ' in the namespace "models"', "view", "rolebinding"),
        ("create", "pods/portforward", "", ' in the namespace "models"', "edit", "rolebinding"),
        ("list", "nodes", "", " at the cluster scope", "cluster-admin", "clusterrolebinding"),
    ],
)
def test_a_missing_right_is_named_with_the_role_that_has_it(
    verb: str, resource: str, group: str, where: str, role: str, binding: str
) -> None:
    error = refused(
        ApiError(DENIED.format(resource, "ann", verb, resource, group, where), code=FORBIDDEN, reason="Forbidden")
    )
    assert error.message.startswith(f"ann may not {verb} {resource}{'.' if group else ''}{group} in ")
    assert f"kubectl create {binding} " in error.hint
    assert error.hint.endswith(f"--clusterrole={role} --user=ann`")


def test_a_cluster_without_the_kind_is_one_where_nothing_is_installed() -> None:
    assert refused(ApiError("GET /x: 404 page not found", code=NOT_FOUND, reason="ApiServerError")).reason == (
        "NotInstalled"
    )


def test_an_api_server_that_comes_back_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    answers: list[ApiError | str] = [unreachable("GET /x", OSError("gone")), unreachable("GET /x", OSError()), "there"]
    monkeypatch.setattr("llmwright.targets.kubernetes.commands.access.PAUSE_S", 0.0)

    def request(_: Api) -> str:
        answer = answers.pop(0)
        if isinstance(answer, ApiError):
            raise answer
        return answer

    assert Access(API, told.append, None).ask(request) == "there"
    assert told == ["the API server https://cluster does not answer; waiting for it"]
