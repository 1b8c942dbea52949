"""What is counted, and under which labels."""

from __future__ import annotations

import httpx
import pytest
from tests.support.hf_server import metric

from llmwright_runtime_hf.serve.server_metrics import ServerMetrics


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("llmwright_requests_total", {"route": "/v1/completions", "status": "200"}),
        ("llmwright_time_to_first_token_seconds_count", {"model": "facts"}),
        ("llmwright_request_duration_seconds_count", {"model": "facts"}),
    ],
)
def test_a_request_counts_once(http: httpx.Client, name: str, labels: dict[str, str]) -> None:
    before = metric(http, name, **labels)
    http.post("/v1/completions", json={"model": "facts", "prompt": "a", "max_tokens": 2})

    assert metric(http, name, **labels) == before + 1


def test_tokens_are_counted_by_model(http: httpx.Client) -> None:
    names = ("llmwright_prompt_tokens_total", "llmwright_completion_tokens_total")
    before = [metric(http, name, model="rhymes") for name in names]
    usage = http.post("/chat", json={"model": "rhymes", "prompt": "a", "max_tokens": 5}).json()["usage"]

    after = [metric(http, name, model="rhymes") for name in names]
    assert after == [before[0] + usage["prompt_tokens"], before[1] + 5]


def test_the_common_names_show_the_same(http: httpx.Client) -> None:
    http.post("/chat", json={"model": "rhymes", "prompt": "a", "max_tokens": 5})
    pairs = {
        "prompt_tokens_total": "prompt_tokens_total",
        "completion_tokens_total": "generation_tokens_total",
        "time_to_first_token_seconds_count": "time_to_first_token_seconds_count",
        "request_duration_seconds_count": "e2e_request_latency_seconds_count",
    }
    for model in ("tiny", "rhymes"):
        for own, common in pairs.items():
            value = metric(http, f"llmwright_{own}", model=model)
            assert metric(http, f"vllm:{common}", model_name=model) == value, own
    ended = metric(http, "vllm:request_success_total", model_name="rhymes", finished_reason="length")
    assert ended == metric(http, "llmwright_answers_total", model="rhymes", finished_reason="length") > 0


def test_what_no_model_has_is_the_base_s(http: httpx.Client) -> None:
    for name in ("vllm:num_requests_running", "vllm:num_requests_waiting"):
        assert metric(http, name, model_name="tiny") == 0


def test_refusals_and_strange_paths_are_counted(http: httpx.Client) -> None:
    before = metric(http, "llmwright_requests_total", route="other", status="404")
    http.get("/a")
    http.get("/b")

    assert metric(http, "llmwright_requests_total", route="other", status="404") == before + 2


def test_the_metrics_tell_which_models_there_are(http: httpx.Client) -> None:
    expected = {"parent": "tiny", "dtype": "float32", "quantization": "none", "max_model_len": "32768"}

    assert metric(http, "llmwright_model_info", model="facts", **expected) == 1
    assert metric(http, "llmwright_model_info", model="tiny", parent="") == 1


def test_a_model_that_is_served_no_longer_is_shown_no_longer() -> None:
    metrics = ServerMetrics()
    metrics.begin(["base"])
    metrics.begin_model("facts")
    assert b'model_name="facts"' in metrics.exposition()
    metrics.end_model("facts")
    assert b"facts" not in metrics.exposition()
