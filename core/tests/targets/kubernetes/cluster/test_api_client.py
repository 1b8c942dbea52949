"""Requests to an API server: their credentials, and how long they wait."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from kubernetes.client import Configuration
from tests.support.http_site import Site

from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import UNREACHABLE, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import SERVICES

OBJECT = "/api/v1/namespaces/default/services/a"


def test_a_token_is_read_again_only_when_it_is_old_or_refused(site: Site) -> None:
    token = "first"
    asked: list[str] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        site.reply(request, 200 if request.headers["Authorization"] == f"Bearer {token}" else 401, b"{}")

    def refresh(settings: Any) -> None:
        asked.append(token)
        settings.api_key["BearerToken"] = f"Bearer {token}"

    site.routes[OBJECT] = answer
    configuration = Configuration(host=site.url, api_key={"BearerToken": ""})
    vars(configuration)["refresh_api_key_hook"] = refresh
    api = Api(configuration)
    for _ in range(3):
        api.get(SERVICES, "default", "a")
    assert asked == ["first"]
    token = "second"
    with pytest.raises(ApiError):
        api.get(SERVICES, "default", "a")
    api.get(SERVICES, "default", "a")
    assert asked == ["first", "second"]


def test_a_client_that_waits_no_longer_than_it_is_told_fails_while_another_gets_its_answer(site: Site) -> None:
    gone_on = threading.Event()

    def answer(request: BaseHTTPRequestHandler) -> None:
        gone_on.wait(30.0)
        site.reply(request, 200, b"{}")

    site.routes[OBJECT] = answer
    api = Api(Configuration(host=site.url))
    with pytest.raises(ApiError) as late:
        api.answering_within(0.1).get(SERVICES, "default", "a")
    assert (late.value.code, gone_on.is_set()) == (UNREACHABLE, False)
    gone_on.set()
    assert api.get(SERVICES, "default", "a") == {}
