"""Health, metrics, version, and what happens when a client leaves."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.hf_server import KEY, RunningServer

# Long enough that no busy machine finishes the answer before a test has looked at it.
LONG = {"prompt": "the quick brown", "max_tokens": 32000}


def sample(http: httpx.Client, name: str, **labels: str) -> float:
    """The value of one sample; 0 while there is none."""
    families = text_string_to_metric_families(http.get("/metrics").text)
    found = [s.value for f in families for s in f.samples if s.name == name and labels.items() <= s.labels.items()]
    assert len(found) <= 1
    return found[0] if found else 0.0


def until(condition: Callable[[], bool]) -> None:
    """Wait for ``condition``; a bound, so that what never comes fails this test and holds up no other."""
    last = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.02)


def test_version(http: httpx.Client) -> None:
    assert http.get("/version").json().keys() == {"version", "transformers"}


def test_health(http: httpx.Client) -> None:
    assert http.get("/health").json() == {"status": "Healthy"}


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("llmwright_requests_total", {"route": "/v1/completions", "status": "200"}),
        ("llmwright_time_to_first_token_seconds_count", {"model": "facts"}),
        ("llmwright_request_duration_seconds_count", {"model": "facts"}),
    ],
)
def test_a_request_counts_once(http: httpx.Client, name: str, labels: dict[str, str]) -> None:
    before = sample(http, name, **labels)
    http.post("/v1/completions", json={"model": "facts", "prompt": "a", "max_tokens": 2})

    assert sample(http, name, **labels) == before + 1


def test_tokens_are_counted_by_model(http: httpx.Client) -> None:
    names = ("llmwright_prompt_tokens_total", "llmwright_completion_tokens_total")
    before = [sample(http, name, model="rhymes") for name in names]
    usage = http.post("/chat", json={"model": "rhymes", "prompt": "a", "max_tokens": 5}).json()["usage"]

    after = [sample(http, name, model="rhymes") for name in names]
    assert after == [before[0] + usage["prompt_tokens"], before[1] + 5]


def test_refusals_and_strange_paths_are_counted(http: httpx.Client) -> None:
    before = sample(http, "llmwright_requests_total", route="other", status="404")
    http.get("/a")
    http.get("/b")

    assert sample(http, "llmwright_requests_total", route="other", status="404") == before + 2


def test_the_metrics_tell_which_models_there_are(http: httpx.Client) -> None:
    expected = {"parent": "tiny", "dtype": "float32", "quantization": "none", "max_model_len": "32768"}

    assert sample(http, "llmwright_model_info", model="facts", **expected) == 1
    assert sample(http, "llmwright_model_info", model="tiny", parent="") == 1


def test_a_client_that_leaves_a_stream_ends_its_generation(http: httpx.Client) -> None:
    finished = sample(http, "llmwright_request_duration_seconds_count", model="tiny")
    with http.stream("POST", "/v1/completions", json={**LONG, "stream": True}) as answer:
        next(answer.iter_lines())
        until(lambda: sample(http, "llmwright_requests_running") == 1)
        assert http.get("/health").status_code == 200

    until(lambda: sample(http, "llmwright_requests_running") == 0)
    assert sample(http, "llmwright_request_duration_seconds_count", model="tiny") == finished


def test_a_client_that_leaves_before_the_answer_ends_its_generation(server: RunningServer, http: httpx.Client) -> None:
    finished = sample(http, "llmwright_request_duration_seconds_count", model="tiny")
    with send_and_keep(server):
        until(lambda: sample(http, "llmwright_requests_running") == 1)

    until(lambda: sample(http, "llmwright_requests_running") == 0)
    assert sample(http, "llmwright_request_duration_seconds_count", model="tiny") == finished


def test_a_client_that_leaves_the_queue_is_not_served(server: RunningServer, http: httpx.Client) -> None:
    first_tokens = sample(http, "llmwright_time_to_first_token_seconds_count", model="tiny")
    with send_and_keep(server):
        until(lambda: sample(http, "llmwright_requests_running") == 1)
        with send_and_keep(server):
            until(lambda: sample(http, "llmwright_requests_waiting") == 1)

    until(lambda: sample(http, "llmwright_requests_running") + sample(http, "llmwright_requests_waiting") == 0)
    assert sample(http, "llmwright_time_to_first_token_seconds_count", model="tiny") == first_tokens + 1


def send_and_keep(server: RunningServer) -> socket.socket:
    """Send a long request over a plain socket, and do not read the answer."""
    request = httpx.Request("POST", f"{server.url}/v1/completions", json=LONG)
    where = urlsplit(server.url)
    connection = socket.create_connection((str(where.hostname), int(where.port or 0)))
    head = f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n"
    connection.sendall(f"{head}Content-Length: {len(request.content)}\r\n\r\n".encode() + request.content)
    return connection
