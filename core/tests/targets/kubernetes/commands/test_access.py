"""Requests of commands: refusals that say what to do, and patience."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from llmwright.errors import TargetError
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, NOT_FOUND, ApiError, unreachable
from llmwright.targets.kubernetes.commands.access import Access
from llmwright.values.same_place import SamePlace

PLACE = SamePlace(cluster=("--context", "prod"))
API = cast("Api", SimpleNamespace(configuration=SimpleNamespace(host="https://cluster"), same_place=PLACE))
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
        # Alone, and not all that an administrator may do.
        ("list", "nodes", "", " at the cluster scope", "llmwright-nodes", "clusterrolebinding"),
        (
            "create",
            "subjectaccessreviews",
            "authorization.k8s.io",
            " at the cluster scope",
            "llmwright-subjectaccessreviews",
            "clusterrolebinding",
        ),
        ("list", "rayservices", "ray.io", ' in the namespace "models"', "llmwright-rayservices", "rolebinding"),
        ("get", "secrets", "", ' in the namespace "models"', "edit", "rolebinding"),
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
    error = refused(ApiError("GET /x: 404 page not found", code=NOT_FOUND, reason="ApiServerError"))
    assert error.reason == "NotInstalled"
    assert "`llmwright doctor --context prod` says more" in error.hint


def test_patience_begins_with_the_first_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request to a server that hangs fails after as long as a command waits in all."""
    now, told = [0.0], list[str]()
    monkeypatch.setattr("llmwright.targets.kubernetes.commands.access.time", SimpleNamespace(
        monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds)
    ))  # fmt: skip

    def request(_: Api) -> Any:
        now[0] += 12.0
        raise unreachable("GET /x", OSError("read timed out"))

    with pytest.raises(TargetError, match="does not answer: read timed out"):
        Access(API, told.append).ask(request)
    assert (len(told), now[0]) == (1, 24.5)


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
    assert told == [
        "the API server https://cluster does not answer; waiting for it",
        "the API server https://cluster answers again",
    ]


def test_an_api_server_that_has_just_come_back_may_not_know_its_roles_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("llmwright.targets.kubernetes.commands.access.time", SimpleNamespace(
        monotonic=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds)
    ))  # fmt: skip
    unknown = ApiError("GET /x: no such role", code=FORBIDDEN, reason="Forbidden")
    answers: list[ApiError | str] = [unreachable("GET /x", OSError("gone")), unknown, unknown, "there"]

    def request(_: Api) -> str:
        answer = answers.pop(0) if answers else unknown
        if isinstance(answer, ApiError):
            raise answer
        return answer

    access = Access(API, lambda _: None, None)
    assert access.ask(request) == "there"
    with pytest.raises(TargetError, match="no such role"):
        access.ask(request)
    answers.append(unreachable("GET /x", OSError("gone")))
    with pytest.raises(TargetError, match="no such role"):
        access.ask(request)
    assert 5.0 <= now[0] < 10.0


def test_a_certificate_that_nobody_vouches_for_is_not_waited_for() -> None:
    def request(_: Api) -> Any:
        raise unreachable("GET /x", OSError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"))

    with pytest.raises(TargetError, match="certificate of the API server https://cluster is not trusted") as caught:
        Access(API, lambda _: pytest.fail("it waits"), None).ask(request)
    assert caught.value.reason == "ApiServerUntrusted"


def test_who_is_nobody_is_told_to_log_in() -> None:
    words = DENIED.format("workspaces", "system:anonymous", "get", "workspaces", "kaito.sh", ' in the namespace "a"')
    assert "log in" in refused(ApiError(words, code=FORBIDDEN, reason="Forbidden")).hint


def test_what_may_not_be_read_is_told_once_for_each_role() -> None:
    told: list[str] = []
    access = Access(API, told.append, 0.0)
    for resource in ("pods", "services", "nodes"):
        where = " at the cluster scope" if resource == "nodes" else ' in the namespace "a"'
        words = DENIED.format(resource, "ann", "list", resource, "", where)

        def request(_: Api, words: str = words) -> list[str]:
            raise ApiError(words, code=FORBIDDEN, reason="Forbidden")

        assert access.ask_or(request, []) == []
    assert [line.partition(";")[0] for line in told] == [
        "not all is shown: ann may not list pods in namespace a",
        "not all is shown: ann may not list nodes in the whole cluster",
    ]
    with pytest.raises(TargetError, match="broken"):
        access.ask_or(_broken, [])


def test_a_refusal_that_is_over_no_right_has_no_remedy() -> None:
    told: list[str] = []

    def request(_: Api) -> list[str]:
        raise ApiError("GET /x: not at night", code=FORBIDDEN, reason="Forbidden")

    assert Access(API, told.append, 0.0).ask_or(request, []) == []
    assert told == ["not all is shown: not at night"]


def _broken(_: Api) -> list[str]:
    raise ApiError("GET /x: broken", code=500, reason="InternalError")


@pytest.mark.parametrize(("reason", "installed"), [("NotFound", True), ("ApiServerError", False)])
def test_a_workspace_is_missing_only_where_the_cluster_knows_workspaces(reason: str, installed: bool) -> None:
    def get(*_: Any) -> Any:
        raise ApiError("GET /x: not there", code=NOT_FOUND, reason=reason)

    access = Access(
        cast("Api", SimpleNamespace(get=get, configuration=API.configuration, same_place=PLACE)), lambda _: None, 0.0
    )
    if installed:
        assert access.find_workspace("default", "one") is None
        return
    with pytest.raises(TargetError, match="does not serve workspaces") as caught:
        access.find_workspace("default", "one")
    assert caught.value.reason == "NotInstalled"
