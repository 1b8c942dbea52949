"""``llmwright.bench`` against a real server that misbehaves. Its delays are lower bounds."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.openai_peer import TEMPLATE_TOKENS, TOKENS_PER_WORD, Manner, openai_peer

import llmwright
from llmwright import BenchmarkResult
from llmwright.app.bench import endpoint_url
from llmwright.app.benchmark.benchmark import Benchmark, LevelProgress
from llmwright.app.benchmark.statistics import LevelResult
from llmwright.app.benchmark.workload import Workload
from llmwright.errors import ConfigError, TargetError

NEAR = 0.9
"""Clocks of two threads may differ a little."""


def bench(url: str, **options: Any) -> BenchmarkResult:
    few = {"concurrency": (2,), "requests": 6, "input_tokens": 31, "output_tokens": 4, "warmup": 0}
    return llmwright.bench(url, **{**few, **options})


def only(result: BenchmarkResult) -> LevelResult:
    (level,) = result.levels
    return level


def kinds(level: LevelResult) -> dict[str, int]:
    return {failure.kind: failure.count for failure in level.failures}


def after_trial(manner: Manner) -> Any:
    """Answer as ``manner`` says, but for trial requests, which are answered well."""
    return lambda _, body: Manner() if body["max_tokens"] == 2 else manner


def test_a_slow_first_token() -> None:
    with openai_peer(after_trial(Manner(first_piece_s=0.08, gap_s=0.02))) as peer:
        level = only(bench(peer.url))
    assert level.ttft_ms is not None
    assert level.ttft_ms.low >= 80 * NEAR
    assert level.tpot_ms is not None
    assert level.tpot_ms.low >= 20 * NEAR
    assert level.itl_ms is not None
    assert (level.itl_ms.count, level.itl_ms.low >= 0) == (18, True)
    assert level.latency_ms is not None
    assert level.latency_ms.low >= 140 * NEAR
    assert level.seconds >= 3 * 0.14 * NEAR


def test_the_slow_half_is_in_the_percentiles() -> None:
    """Every second answer waits: the fast half is below the median, the slow one above the 95th percentile's bound."""
    with openai_peer(lambda number, _: Manner(first_piece_s=0.15 if number % 2 else 0.0)) as peer:
        level = only(bench(peer.url, concurrency=(1,)))
    assert level.ttft_ms is not None
    assert level.ttft_ms.p95 >= 150 * NEAR
    assert level.ttft_ms.low <= level.ttft_ms.p50 <= level.ttft_ms.p95 <= level.ttft_ms.p99 <= level.ttft_ms.high


def test_true_lengths_are_those_of_the_usage() -> None:
    with openai_peer() as peer:
        level = only(bench(peer.url))
    assert level.input_tokens is not None
    assert (level.input_tokens.low, level.input_tokens.high) == (31, 31)
    assert level.output_tokens is not None
    assert (level.output_tokens.low, level.output_tokens.high) == (4, 4)
    assert level.counted == "usage"
    assert level.output_tokens_per_s == pytest.approx(24 / level.seconds)
    assert level.input_tokens_per_s == pytest.approx(6 * 31 / level.seconds)
    assert (31 - TEMPLATE_TOKENS) % TOKENS_PER_WORD == 0


def test_a_prompt_shorter_than_the_template_is_said() -> None:
    with openai_peer() as peer:
        result = bench(peer.url, input_tokens=3)
    assert "prompts of 3 tokens cannot be made: the nearest have 9" in result.notes


def test_the_ladder_keeps_its_concurrency_and_warms_up() -> None:
    with openai_peer(Manner(first_piece_s=0.01)) as peer:
        result = bench(peer.url, concurrency=(1, 5), requests=10, warmup=2)
    assert peer.most_under_way == 5
    assert [level.succeeded for level in result.levels] == [10, 10]
    trials = sum(body["max_tokens"] == 2 for body in peer.bodies)
    assert len(peer.bodies) - trials == (10 + 2) + (10 + 2 * 5)


def test_all_prompts_differ_and_the_seed_decides() -> None:
    sent: list[list[str]] = []
    for seed in (0, 0, 1):
        with openai_peer() as peer:
            bench(peer.url, seed=seed, input_tokens=99, concurrency=(1,))
        sent.append([body["messages"][0]["content"] for body in peer.bodies if body["max_tokens"] == 4])
    assert len(set(sent[0])) == 6
    assert sent[0] == sent[1] != sent[2]


@pytest.mark.parametrize(
    ("manner", "kind"),
    [
        (Manner(status=429), "HTTP 429"),
        (Manner(status=500), "HTTP 500"),
        (Manner(status=307), "HTTP 307"),
        (Manner(drop_after=2), "broken stream"),
        (Manner(stop_after=2), "broken stream"),
        (Manner(fault=b"data: {half\n\n"), "malformed answer"),
        (Manner(fault=b'data: {"error": {"message": "out of memory"}}\n\n'), "error in the stream"),
        (Manner(fault=b"\xff\xfe\x00data: [1]\n\ndata: [1]\n\n"), "malformed answer"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_failures_are_counted_by_kind_and_never_as_answers(manner: Manner, kind: str) -> None:
    """Every third measured request fails."""

    def script(number: int, body: Mapping[str, Any]) -> Manner:
        return manner if body["max_tokens"] == 4 and number % 3 == 0 else Manner()

    with openai_peer(script) as peer:
        result = bench(peer.url, concurrency=(1,), requests=9)
    level = only(result)
    assert (level.succeeded, level.failed, kinds(level)) == (6, 3, {kind: 3})
    assert level.output_tokens_per_s == pytest.approx(6 * 4 / level.seconds)
    assert level.latency_ms is not None
    assert level.latency_ms.count == 6
    assert result.succeeded


def test_timeouts() -> None:
    with openai_peer(lambda number, body: Manner(first_piece_s=30.0 * (body["max_tokens"] == 4))) as peer:
        result = bench(peer.url, timeout_s=0.3, requests=2)
    assert kinds(only(result)) == {"timeout": 2}
    assert not result.succeeded


def test_a_connection_that_nobody_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener whose queue is full drops what knocks."""
    monkeypatch.setattr("llmwright.app.benchmark.http_client.CONNECT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        knocking = [socket.socket() for _ in range(4)]
        for each in knocking:
            each.setblocking(False)
            each.connect_ex(listener.getsockname())
        with pytest.raises(TargetError, match="no connection: nobody took the connection within"):
            bench(url, model="tiny")
        for each in knocking:
            each.close()


def test_an_answer_ends_with_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that leaves the response open neither fails nor makes its answers slow."""
    monkeypatch.setattr("llmwright.app.benchmark.http_client.END_S", 0.5)
    with openai_peer(after_trial(Manner(lingers=True))) as peer:
        level = only(bench(peer.url, requests=2))
    assert (level.succeeded, level.failed, level.counted) == (2, 0, "usage")
    assert level.seconds >= 0.5 * NEAR
    assert level.latency_ms is not None
    assert level.latency_ms.low < level.seconds * 1000


def test_a_stream_under_another_content_type() -> None:
    with openai_peer(Manner(content_type="text/plain")) as peer:
        level = only(bench(peer.url))
    assert level.ttft_ms is not None
    assert (level.succeeded, level.ttft_ms.count) == (6, 6)


def test_a_level_of_nothing_but_failures_ends_the_ladder() -> None:
    with openai_peer(after_trial(Manner(status=503))) as peer:
        result = bench(peer.url, concurrency=(1, 2), requests=None, duration_s=60.0)
    assert kinds(only(result)) == {"HTTP 503": 20}
    assert "at concurrency 1 only failures came: no more was asked" in result.notes
    assert not result.succeeded


def test_a_server_without_usage() -> None:
    with openai_peer(Manner(usage=False)) as peer:
        result = bench(peer.url)
    level = only(result)
    assert (level.counted, level.input_tokens_per_s) == ("pieces", None)
    assert level.output_tokens_per_s == pytest.approx(24 / level.seconds)
    assert sum("gives no usage" in note for note in result.notes) == 2


def test_a_server_that_ignores_max_tokens() -> None:
    with openai_peer(Manner(ignores_max_tokens=True)) as peer:
        result = bench(peer.url)
    assert only(result).too_long == 6
    assert "the server ignores max_tokens: 6 answers are longer than was asked, up to 8 tokens" in result.notes


def test_a_server_that_does_not_stream() -> None:
    with openai_peer(Manner(streams=False)) as peer:
        result = bench(peer.url)
    assert (only(result).succeeded, only(result).ttft_ms, only(result).counted) == (6, None, "usage")
    assert "the server sent no stream: there is no time to first token" in result.notes


def test_whole_answers_on_request() -> None:
    with openai_peer() as peer:
        result = bench(peer.url, stream=False, api="completions")
    assert (only(result).succeeded, only(result).ttft_ms) == (6, None)
    assert not any("stream" in body for body in peer.bodies)
    assert all("prompt" in body for body in peer.bodies)


@pytest.mark.parametrize("refused", ["ignore_eos", "stream_options", "temperature", "max_tokens"])
def test_fields_that_the_server_refuses_are_left_out(refused: str) -> None:
    with openai_peer(Manner(refuses=frozenset({refused}))) as peer:
        result = bench(peer.url)
    assert only(result).succeeded == 6
    assert refused not in peer.bodies[-1]


def test_own_prompts_in_turn() -> None:
    with openai_peer() as peer:
        messages = [{"role": "user", "content": "b"}]
        result = bench(peer.url, prompts=["a", {"messages": messages, "max_tokens": 3}], concurrency=(1,), requests=3)
    asked = [(body["messages"][0]["content"], body["max_tokens"]) for body in peer.bodies]
    assert asked == [("a", 2), ("a", 4), ("b", 3), ("a", 4)]
    assert result.input_tokens is None
    assert not any("ignore_eos" in body for body in peer.bodies)


def test_the_key_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMWRIGHT_API_KEY", "secret\n")
    with openai_peer() as peer:
        result = bench(peer.url)
    assert set(peer.keys) == {"Bearer secret"}
    assert "secret" not in repr(result)


def test_a_trial_that_is_refused_ends_it() -> None:
    with openai_peer(Manner(status=400)) as peer, pytest.raises(ConfigError, match="HTTP 400: not now"):
        bench(peer.url)
    with openai_peer(Manner(status=401)) as peer, pytest.raises(ConfigError) as raised:
        bench(peer.url)
    assert raised.value.hint == "set LLMWRIGHT_API_KEY"
    with openai_peer(Manner(status=500)) as peer, pytest.raises(TargetError, match="HTTP 500"):
        bench(peer.url)


def test_a_trial_at_a_busy_server_is_repeated() -> None:
    with openai_peer(lambda number, _: Manner(status=429 if number in (0, 3) else 200)) as peer:
        assert only(bench(peer.url)).failed == 0


def test_a_server_that_is_not_there() -> None:
    with openai_peer() as peer:
        gone = peer.url
    with pytest.raises(TargetError, match="no answer from"):
        bench(gone)
    with pytest.raises(TargetError, match="no connection") as raised:
        bench(gone, model="tiny")
    assert raised.value.reason == "EndpointUnreachable"


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (b"garbage\r\n\r\n", "malformed answer: "),
        (b"", "connection lost: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nContent-Type: application/json\r\n\r\n{}", "broken stream: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/html\r\n\r\n<html>", "malformed answer: "),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "HTTP 204"),
    ],
)
def test_what_is_no_server_of_a_model_is_told_in_one_line(reply: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(TargetError) as raised:
            bench(f"http://127.0.0.1:{listener.getsockname()[1]}", model="tiny")
        thread.join()
    assert raised.value.message.startswith(f"a trial request has no answer: {words}")
    assert "\n" not in raised.value.message


def test_the_model_must_be_named_where_there_are_several() -> None:
    with openai_peer(models=("one", "two")) as peer:
        with pytest.raises(ConfigError) as raised:
            bench(peer.url)
        assert raised.value.hint == "name one with --model: one, two"
        assert bench(peer.url, model="two").model == "two"
    with openai_peer(models=()) as peer, pytest.raises(TargetError, match="lists no model"):
        bench(peer.url)


def test_it_runs_where_an_event_loop_is_running() -> None:
    """As in a notebook."""

    async def cell(url: str) -> BenchmarkResult:
        return bench(url)

    with openai_peer() as peer:
        assert only(asyncio.run(cell(peer.url))).succeeded == 6


def test_progress_ends_with_each_level() -> None:
    seen: list[LevelProgress] = []
    with openai_peer() as peer:
        bench(peer.url, concurrency=(1, 2), on_progress=seen.append)
    ends = [(progress.concurrency, progress.ended, progress.requests) for progress in seen if progress.finished]
    assert ends == [(1, 6, 6), (2, 6, 6)]


def test_an_interruption_keeps_what_was_measured(heard_interrupts: None) -> None:
    """Ctrl-C in the middle of the fifth request."""
    arrived = threading.Event()

    def script(_: int, body: Mapping[str, Any]) -> Manner:
        if body["max_tokens"] != 4:
            return Manner()
        measured = sum(each["max_tokens"] == 4 for each in peer.bodies)
        if measured == 4:
            arrived.set()
        return Manner(first_piece_s=60.0 if measured >= 4 else 0.0)

    def interrupt() -> None:
        arrived.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    with openai_peer(script) as peer:
        benchmark = Benchmark(peer.url, "tiny", Workload((1,), requests=9, output_tokens=4, warmup=0))
        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            benchmark.run()
    level = only(benchmark.result())
    assert (level.succeeded, level.failed, level.unfinished) == (4, 0, 1)
    assert not benchmark.result().complete


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("http://h:8000", "http://h:8000"),
        ("http://h:8000/", "http://h:8000"),
        ("http://h:8000/v1/", "http://h:8000"),
        ("https://h/openai/v1/chat/completions", "https://h/openai"),
        ("HTTP://H/v1/completions", "http://h"),
    ],
)
def test_urls_with_and_without_the_path_of_the_api(written: str, url: str) -> None:
    assert endpoint_url(written) == url


@pytest.mark.parametrize(
    "url", ["http://", "http://u:secret@h/", "http://h/v1?key=secret", "http://h:99999", "http://h/#a"]
)
def test_urls_that_cannot_be_used(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        endpoint_url(url)
    assert "secret" not in str(raised.value)
