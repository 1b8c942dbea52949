"""Laws of a server that any of its clients relies on: what it lists, answers, streams and keeps for itself."""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace

import pytest

from llmwright.testing.contract import Contract
from llmwright.testing.served_model import CHAT, QUESTION, ServedModel, choices_of, chunks_of, text_of

METRIC = re.compile(r"(#.*|[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? [-+0-9.eE]+(inf|Inf|nan|NaN)?( \d+)?|)")


class BasicsContract(Contract):
    """Laws of a server that answers. The subclass gives the fixture ``served``."""

    @pytest.fixture
    def served(self) -> ServedModel:
        """The server under test; every subclass gives its own."""
        raise pytest.UsageError(f"{type(self).__name__} gives no fixture 'served'")

    def test_it_lists_what_it_serves(self, served: ServedModel) -> None:
        """``GET /v1/models`` is JSON with the preset's name and each adapter's."""
        answer = served.client.get("/v1/models")
        assert answer.status == 200, f"GET /v1/models answers {answer.status}"
        assert "json" in answer.kind, f"GET /v1/models is {answer.kind!r}, not application/json"
        names = [model.get("id") for model in (answer.json or {}).get("data", [])]
        for name in served.names:
            assert name in names, f"GET /v1/models lacks {name}: {names}"

    def test_it_answers_under_each_name(self, served: ServedModel) -> None:
        """``POST /v1/chat/completions`` answers for the preset's name and for each adapter's, as OpenAI has it."""
        for name in served.names:
            answer = served.client.post(CHAT, {"model": name, "messages": QUESTION, "max_tokens": 8})
            assert answer.status == 200, f"a request for {name} has the answer {answer.status}: {answer.body[:200]!r}"
            assert "json" in answer.kind, f"an answer is {answer.kind!r}, not application/json"
            choices = (answer.json or {}).get("choices") or [{}]
            message = choices[0].get("message", {})
            assert isinstance(message.get("content"), str), f"choices[0] has no message.content: {answer.body[:200]!r}"
            assert message.get("role") == "assistant", "choices[0].message.role is not assistant"
            assert choices[0].get("finish_reason"), "choices[0] has no finish_reason"

    def test_it_streams(self, served: ServedModel) -> None:
        """With ``streaming``, ``stream: true`` sends events of ``text/event-stream``, and ``[DONE]`` as the last."""
        if not served.able.streaming:
            return
        body = {"model": served.model, "messages": QUESTION, "max_tokens": 8, "stream": True}
        answer = served.client.post(CHAT, body)
        assert answer.status == 200, f"stream: true is answered with {answer.status}"
        assert answer.kind.startswith("text/event-stream"), f"a stream is {answer.kind!r}, not text/event-stream"
        assert answer.events, "a stream has no lines that begin with data:"
        assert answer.events[-1] == "[DONE]", f"a stream ends with {answer.events[-1][:80]!r}, not with [DONE]"
        assert all(chunk is not None for chunk in chunks_of(answer)), "an event of a stream is no JSON"
        texts = [choice.get("delta", {}).get("content") or "" for choice in choices_of(answer)]
        if text_of(served.chat(max_tokens=8).json):
            assert "".join(texts), "the deltas of a stream hold no text"

    def test_its_metrics_are_prometheus_text(self, served: ServedModel) -> None:
        """Where ``GET /metrics`` answers, it is text that Prometheus reads, with all of ``load_metrics``."""
        answer = served.client.get("/metrics")
        if answer.status != 200:
            assert not served.load_metrics, f"load_metrics are declared, and GET /metrics is answered {answer.status}"
            return
        assert answer.kind.startswith(("text/plain", "application/openmetrics")), f"GET /metrics is {answer.kind!r}"
        wrong = [line for line in answer.body.decode().splitlines() if METRIC.fullmatch(line) is None]
        assert not wrong, f"GET /metrics has a line that is no metric: {wrong[0][:80]!r}"
        names = {re.split(r"[ {]", line)[0] for line in answer.body.decode().splitlines()}
        missing = [name for name in served.load_metrics if name not in names]
        assert not missing, f"autoscalers read {missing[0]} (load_metrics), and GET /metrics does not have it"

    def test_a_bad_request_harms_nobody(self, served: ServedModel) -> None:
        """A request that is no JSON, or no conversation, is refused; the next request is answered."""
        for body in (b"{", b"[]", b'{"messages": 5}'):
            with contextlib.suppress(OSError):
                status = served.client.post(CHAT, body).status
                assert status >= 400, f"{body!r} is answered with {status}"
        answer = served.client.post(CHAT, {"model": served.model, "messages": QUESTION, "max_tokens": 2})
        assert answer.status == 200, f"after a bad request the next is answered with {answer.status}"

    def test_health_answers_beside_a_slow_request(self, served: ServedModel) -> None:
        """A request that is under way does not hold up ``/health``: a pod that does not answer it is killed."""
        slow = served.client.half_a_request()
        try:
            answer = served.client.get("/health", 30)
        except OSError:
            raise AssertionError("/health waits for another request: answer requests in threads, or async") from None
        finally:
            slow.close()
        assert answer.status == 200, f"/health answers {answer.status} beside a request"

    def test_it_keeps_its_key(self, served: ServedModel) -> None:
        """A runtime that is given the API key, or says ``api_key``, answers nobody without it but ``/health``."""
        if not served.keeps_key:
            return
        stranger = replace(served.client, key="")
        body = {"model": served.model, "messages": QUESTION, "max_tokens": 2}
        right = served.client.key
        for key in ("", "wrong", right[:-1], f"{right}-and-more"):
            status = replace(stranger, key=key).post(CHAT, body).status
            assert status in (401, 403), f"a request without the key, with {key!r}, is answered with {status}"
        assert stranger.is_healthy(), "/health asks for the key: nobody gives it to a probe"
