"""What is no answer of an API server, or breaks off, is one error that every caller knows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from kubernetes.client import Configuration
from tests.support.http_site import Site

from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import UNREACHABLE, ApiError
from llmwright.targets.kubernetes.cluster.api_resources import SERVICES

PAGE = b"<!doctype html>\n<title>Log in</title>"
OBJECT = "/api/v1/namespaces/a/services/b"
POD = "/api/v1/namespaces/a/pods/pod:8081/proxy/readyz"


@pytest.fixture
def api(site: Site) -> Api:
    return Api(Configuration(host=site.url))


@pytest.mark.parametrize("body", [PAGE, b"[]", b"", b"\xff"])
def test_a_page_in_place_of_an_object_is_told(site: Site, api: Api, body: bytes) -> None:
    site.gives(OBJECT, body)
    with pytest.raises(ApiError, match=f"GET {OBJECT}: what answers there is no API server") as no:
        api.get(SERVICES, "a", "b")
    assert no.value.code == UNREACHABLE
    assert ("'<!doctype html> <title>Log in</title>'" in no.value.message) == (body == PAGE)


REQUESTS: dict[str, Callable[[Api], object]] = {
    OBJECT: lambda api: api.get(SERVICES, "a", "b"),
    "/api/v1/services": lambda api: list(api.watch(SERVICES, {})),
    "/api/v1/namespaces/a/pods/pod/log": lambda api: list(api.log_lines("a", "pod", {})),
    POD: lambda api: api.pod_answer("a", "pod", 8081, "/readyz"),
}


@pytest.mark.parametrize("code", [200, 503])
@pytest.mark.parametrize("path", REQUESTS)
def test_an_answer_that_breaks_off_is_a_connection_that_failed(site: Site, api: Api, code: int, path: str) -> None:
    site.gives(path, PAGE, code, Content_Length="100", Connection="close")
    with pytest.raises(ApiError) as broken:
        REQUESTS[path](api)
    assert (broken.value.code, broken.value.reason) == (UNREACHABLE, "ApiServerUnreachable")


def test_of_a_pod_s_long_answer_the_beginning_is_read(site: Site, api: Api) -> None:
    site.gives(POD, b"not ready " * 1000, 503)
    code, text = api.pod_answer("a", "pod", 8081, "/readyz")
    assert code == 503
    assert text.startswith("not ready ")
    assert len(text) == 4096
