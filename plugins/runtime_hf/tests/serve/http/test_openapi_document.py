"""The server's OpenAPI document is complete, and nothing that fits it, or nearly does, makes the server fail."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.support.hf_server import RunningServer

from llmwright_runtime_hf.serve.http.middleware import ROUTES
from llmwright_runtime_hf.serve.http.openapi_document import BODIES, openapi_document
from llmwright_runtime_hf.serve.http.request_fields import FIELDS
from llmwright_runtime_hf.serve.http.responses_request import RESPONSES

EXAMPLES = 12
APART = {"/", "/v1/load_lora_adapter", "/v1/unload_lora_adapter"}
"""A page for people, and routes that are off unless the server is started with them."""
SEED = 20261130


def test_it_has_every_route_and_every_honoured_field(http: httpx.Client) -> None:
    document = http.get("/openapi.json").json()

    assert document == openapi_document("LLMwright hf runtime")
    assert {path for path in document["paths"] if "{" not in path} == set(ROUTES) - APART
    for route, model in BODIES.items():
        honoured = {name for name, rule in FIELDS.items() if rule.effect == "honoured" and route in rule.routes}
        honoured = honoured or set(model.model_fields)
        properties = document["components"]["schemas"][model.__name__]["properties"]
        assert honoured - {"generate_kwargs"} == set(properties), route


@pytest.mark.parametrize("path", [*BODIES, "/v1/models", "/v1/models/{name}", "/health", "/version"])
def test_no_request_makes_it_fail(server: RunningServer, path: str) -> None:
    """Schemathesis makes requests that fit the document, and others that do not: none is answered with 5xx."""
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed: it is of the group dev")
    from hypothesis import HealthCheck, Phase, given, seed, settings

    document = openapi_document("it")
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=server.url)
    operation = schema[path]["POST" if path in BODIES else "GET"]
    # What has no body has nothing that could be wrong.
    modes = [*schemathesis.GenerationMode] if path in BODIES else [schemathesis.GenerationMode.POSITIVE]

    def ask(case: Any) -> None:
        limit = "max_output_tokens" if path == RESPONSES else "max_tokens"
        if isinstance(case.body, dict) and not case.body.get(limit):
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
