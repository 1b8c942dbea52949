"""The OpenAI server for engines that are a function."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from llmwright.plugins.chat_server import ChatServer, Conversation, Engine, main, parser


def echo(asked: Conversation) -> Iterator[str]:
    """Say back each word, and each part of one with hyphens."""
    yield from asked.text.replace("-", " ").split()


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer(("127.0.0.1", 0), 4) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.005,))
        thread.start()
        yield server
        server.end()
        thread.join()


def asked(server: ChatServer, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
    """Return status and content of one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, None if body is None else json.dumps(body))
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def chat(server: ChatServer, text: Any, **more: Any) -> tuple[int, bytes]:
    """Ask one question."""
    return asked(server, "POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": text}], **more})


def test_it_is_not_healthy_before_the_weights_are_read(server: ChatServer) -> None:
    assert asked(server, "GET", "/health")[0] == 503
    assert chat(server, "a")[0] == 503
    server.engine = Engine(["a"], echo)
    assert asked(server, "GET", "/health")[0] == 200


@pytest.mark.parametrize(
    ("text", "more", "why"),
    [
        ("a", {"tools": [{"type": "function"}]}, "tools"),
        ("a", {"response_format": {"type": "json_object"}}, "response_format"),
        ("a", {"temperature": -0.5}, "temperature"),
        ("a b c d", {}, "no room within 4 tokens"),
    ],
)
def test_what_it_cannot_honour_is_refused(server: ChatServer, text: str, more: dict[str, Any], why: str) -> None:
    server.engine = Engine(["a"], echo)
    status, content = chat(server, text, **more)
    assert status == 400
    assert why in json.loads(content)["error"]["message"]


def test_what_asks_for_nothing_is_answered(server: ChatServer) -> None:
    server.engine = Engine(["a"], echo)
    assert chat(server, "a", tools=[], response_format={"type": "text"}, temperature=None)[0] == 200


def test_the_last_event_of_a_stream_has_the_usage_where_it_is_asked_for(server: ChatServer) -> None:
    server.engine = Engine(["a"], echo)
    lines = chat(server, "a b", stream=True, stream_options={"include_usage": True})[1].decode().split("\n\n")
    last = json.loads(lines[-3].removeprefix("data: "))
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}


@pytest.mark.parametrize(
    ("text", "more", "content", "reason"),
    [
        ("a b", {}, "ab", "stop"),
        ([{"type": "text", "text": "a b"}], {}, "ab", "stop"),
        ("a b c", {"max_tokens": 2}, "ab", "length"),
        ("a-b-c-d-e-f", {}, "abcd", "length"),
        ("a b", {"max_completion_tokens": 1, "max_tokens": 4}, "a", "length"),
    ],
)
def test_an_answer_ends_at_the_limit_and_says_why(
    server: ChatServer, text: Any, more: dict[str, Any], content: str, reason: str
) -> None:
    """Whole or as a stream; the limit is the request's, at most the context."""
    server.engine = Engine(["a"], echo)
    choice = json.loads(chat(server, text, **more)[1])["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (content, reason)
    lines = chat(server, text, stream=True, **more)[1].decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    events = [json.loads(line.removeprefix("data: "))["choices"][0] for line in lines[:-2]]
    assert "".join(event["delta"].get("content", "") for event in events) == content
    assert events[-1]["finish_reason"] == reason


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"messages": []},
        {"messages": [1]},
        {"messages": "a"},
        {"messages": [{"content": "a"}], "max_tokens": "many"},
    ],
)
def test_a_bad_request_is_the_client_s_mistake(server: ChatServer, body: Any) -> None:
    server.engine = Engine(["a"], echo)
    status, content = asked(server, "POST", "/v1/chat/completions", body)
    assert status == 400
    assert "message" in json.loads(content)["error"]


def test_a_name_that_is_not_served_is_not_found(server: ChatServer) -> None:
    server.engine = Engine(["a"], echo)
    assert chat(server, "x", model="b")[0] == 404


def test_an_idle_connection_does_not_hold_up_the_end(server: ChatServer) -> None:
    """It is kept alive between two requests; SIGTERM waits for answers alone."""
    server.engine = Engine(["a"], echo)
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request("GET", "/health")
    connection.getresponse().read()
    assert server.connections
    server.end()
    server.server_close()
    assert not server.connections
    connection.close()


def test_an_engine_that_fails_is_a_fault_of_the_server(server: ChatServer) -> None:
    def answer(asked: Conversation) -> Iterator[str]:
        raise RuntimeError("no thoughts")

    server.engine = Engine(["a"], answer)
    status, content = chat(server, "x")
    assert (status, "no thoughts" in json.loads(content)["error"]["message"]) == (500, True)


def test_weights_that_cannot_be_read_end_the_process(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would answer 503 until nobody waits any more."""
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def load(options: object) -> Engine:
        raise FileNotFoundError("no tokenizer.json")

    assert main(load, parser().parse_args(["--host", "127.0.0.1", "--port", "0", "--context", "1"])) == 1
    assert "no tokenizer.json" in capsys.readouterr().err


def metrics(server: ChatServer) -> dict[str, float]:
    """Return each sample of /metrics by its name and labels."""
    lines = asked(server, "GET", "/metrics")[1].decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}


def test_its_metrics_count_answers_tokens_and_times(server: ChatServer) -> None:
    server.engine = Engine(["a", 'b"c'], echo)
    chat(server, "x y z")
    chat(server, "x y z", stream=True, model='b"c', max_tokens=2)
    now = metrics(server)
    assert now['vllm:prompt_tokens_total{model_name="a"}'] == 3
    assert now['vllm:generation_tokens_total{model_name="a"}'] == 3
    assert now['vllm:request_success_total{finished_reason="length",model_name="b\\"c"}'] == 1
    for name, count in (("time_to_first_token", 1), ("inter_token_latency", 2), ("e2e_request_latency", 1)):
        assert now[f'vllm:{name}_seconds_count{{model_name="a"}}'] == count
        assert now[f'vllm:{name}_seconds_bucket{{le="+Inf",model_name="a"}}'] == count
    assert now['vllm:num_requests_running{model_name="a"}'] == 0


def test_its_metrics_tell_what_runs_and_what_failed(server: ChatServer) -> None:
    seen: list[dict[str, float]] = []

    def failing(asked: Conversation) -> Iterator[str]:
        yield "x"
        seen.append(metrics(server))
        raise ValueError("no more")

    server.engine = Engine(["a", "b"], failing)
    assert chat(server, "x", model="b")[0] == 500
    (during,) = seen
    assert during['vllm:num_requests_running{model_name="b"}'] == 1
    assert any('running_lora_adapters="b"' in name for name in during)
    assert metrics(server)['vllm:request_success_total{finished_reason="error",model_name="b"}'] == 1
