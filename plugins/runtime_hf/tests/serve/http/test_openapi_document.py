"""The server's OpenAPI document is complete, and nothing that fits it, or nearly does, makes the server fail."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.support.hf_server import RunningServer

from llmwright_runtime_hf.serve.http.middleware import ROUTES
from llmwright_runtime_hf.serve.http.openapi_document import ADAPTER_BODIES, BODIES, openapi_document
from llmwright_runtime_hf.serve.http.request_fields import FIELDS
from llmwright_runtime_hf.serve.http.responses_request import RESPONSES

EXAMPLES = 12
APART = {"/"}
"""A page for people."""
SEED = 20261130


def test_it_has_every_route_and_every_honoured_field(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()

    assert document == openapi_document("LLMwright hf runtime", hot_adapters=True)
    assert not ADAPTER_BODIES.keys() & openapi_document("it")["paths"].keys(), "they are off unless somebody asks"
    assert {path for path in document["paths"] if "{" not in path} == set(ROUTES) - APART
    for route, model in BODIES.items():
        honoured = {name for name, rule in FIELDS.items() if rule.effect == "honoured" and route in rule.routes}
        honoured = honoured or set(model.model_fields)
        properties = document["components"]["schemas"][model.__name__]["properties"]
        assert honoured - {"generate_kwargs"} == set(properties), route


@pytest.mark.parametrize("path", [*BODIES, *ADAPTER_BODIES, "/v1/models", "/v1/models/{name}", "/health", "/version"])
def test_no_request_makes_it_fail(server: RunningServer, path: str) -> None:
    """Schemathesis makes requests that fit the document, and others that do not: none is answered with 5xx."""
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed: it is of the group dev")
    from hypothesis import HealthCheck, Phase, given, seed, settings

    document = openapi_document("it", hot_adapters=True)
    posts = {**BODIES, **ADAPTER_BODIES}
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=server.url)
    operation = schema[path]["POST" if path in posts else "GET"]
    # What has no body has nothing that could be wrong.
    modes = [*schemathesis.GenerationMode] if path in posts else [schemathesis.GenerationMode.POSITIVE]

    def ask(case: Any) -> None:
        limit = "max_output_tokens" if path == RESPONSES else "max_tokens"
        if path in BODIES and isinstance(case.body, dict) and not case.body.get(limit):
            case.body[limit] = 1
        answer = case.call(headers=server.headers, timeout=120)
        assert answer.status_code < 500, (case.body, answer.status_code, answer.text[:500])
        assert str(answer.status_code) in {*operation.definition.raw["responses"], "405"}, answer.status_code

    for mode in modes:
        trial = given(case=operation.as_strategy(generation_mode=mode))(ask)
        bounds = settings(
            max_examples=EXAMPLES if path in BODIES else 5,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=[*HealthCheck],
        )
        seed(SEED)(bounds(trial))()
