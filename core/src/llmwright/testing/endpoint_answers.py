"""Laws of what a started server answers: names, numbers, errors and what it keeps for itself."""

from __future__ import annotations

from typing import Any

from llmwright.testing.endpoint_requests import RequestsContract
from llmwright.testing.served_model import CHAT, QUESTION, ServedModel, choices_of, chunks_of, text_of

WHOLE, CHUNK = "chat.completion", "chat.completion.chunk"
SHORT = "What colour is the ship"
LONG = f"{SHORT} Hollow Crown, which left the harbour at dawn with the tide? Say it in one or two words."


class AnswersContract(RequestsContract):
    """Laws of the answers of one server. What an answer may leave out is judged where it is there."""

    def test_an_answer_is_of_the_model_that_was_asked(self, served: ServedModel) -> None:
        """``model`` of an answer is the name that was asked for; ``usage`` is there, and adds up."""
        for name in served.names:
            answer = served.client.post(CHAT, {"model": name, "messages": QUESTION, "max_tokens": 4}).json or {}
            assert answer.get("model") == name, f"an answer of {name} says model {answer.get('model')!r}"
            usage = answer.get("usage")
            assert isinstance(usage, dict), "an answer has no usage: clients count the tokens that it tells"
            parts = [usage.get(part) for part in ("prompt_tokens", "completion_tokens", "total_tokens")]
            assert all(type(part) is int and part >= 0 for part in parts), f"usage has no whole numbers: {usage}"
            assert parts[0], f"usage says that the question had no token: {usage}"
            assert parts[1] or not text_of(answer), f"usage says that the answer had no token: {usage}"
            assert parts[2] == parts[0] + parts[1], f"usage does not add up: {usage}"
            kind = answer.get("object", WHOLE)
            assert kind == WHOLE, f"object of an answer is {kind!r}, not {WHOLE}"

    def test_an_answer_is_no_longer_than_was_asked(self, served: ServedModel) -> None:
        """``max_tokens`` limits the answer: whoever asks for one token pays for one."""
        body = {"model": served.model, "messages": QUESTION, "temperature": 0}
        for most in (1, 2):
            usage = (served.client.post(CHAT, {**body, "max_tokens": most}).json or {}).get("usage") or {}
            tokens = usage.get("completion_tokens", 0)
            assert tokens <= most, f"max_tokens is {most}, and the answer has {tokens} tokens"
        one, many = (text_of(served.client.post(CHAT, {**body, "max_tokens": most}).json) for most in (1, 32))
        assert len(one.split()) <= 1, f"max_tokens is 1, and the answer is {one!r}"
        assert len(one) <= len(many), f"with max_tokens 1 the answer is {one!r}, with 32 it is {many!r}"

    def test_a_question_may_come_in_parts(self, served: ServedModel) -> None:
        """``content`` may be a list of parts, ``{"type": "text", "text": …}``: clients send either; all parts count."""
        body = {"model": served.model, "max_tokens": 16, "temperature": 0}
        plain = served.client.post(CHAT, {**body, "messages": _question(LONG)})
        parts = served.client.post(CHAT, {**body, "messages": _question(_parts(LONG))})
        assert parts.status == 200, f"a question in parts is answered with {parts.status}: {parts.body[:200]!r}"
        assert text_of(parts.json) == text_of(plain.json), (
            f"a question as one part of text has the answer {text_of(parts.json)!r}, "
            f"as a text {text_of(plain.json)!r}: join the texts of its parts"
        )
        first, both = (
            served.client.post(CHAT, {**body, "messages": _question(content)})
            for content in (_parts(SHORT), _parts(SHORT, LONG.removeprefix(SHORT)))
        )
        assert both.status == 200, f"a question in two parts is answered with {both.status}: {both.body[:200]!r}"
        if _asked(plain.json) > _asked(first.json):
            assert _asked(both.json) > _asked(first.json), "of a question in two parts the second is dropped"

    def test_a_stream_says_what_an_answer_says(self, served: ServedModel) -> None:
        """With ``streaming``, the deltas together are the answer: at temperature 0 both are the same."""
        if not served.able.streaming:
            return
        body = {"model": served.model, "messages": QUESTION, "max_tokens": 8, "temperature": 0}
        answer = served.client.post(CHAT, {**body, "stream": True})
        told = "".join(choice.get("delta", {}).get("content") or "" for choice in choices_of(answer))
        whole = text_of(served.client.post(CHAT, body).json)
        assert told.strip() == whole.strip(), f"the deltas of a stream are {told!r}, and the answer is {whole!r}"

    def test_the_length_may_be_left_open(self, served: ServedModel) -> None:
        """A request without ``max_tokens`` is answered: clients leave it out."""
        status = served.client.post(CHAT, {"model": served.model, "messages": QUESTION}).status
        assert status == 200, f"a request without max_tokens is answered with {status}"

    def test_an_unknown_model_is_refused(self, served: ServedModel) -> None:
        """With ``adapters``, a name that is none of those served is refused: else the wrong model answers unnoticed."""
        if not served.able.adapters:
            return
        status = served.client.post(CHAT, {"model": "no-such-model", "messages": QUESTION, "max_tokens": 2}).status
        assert 400 <= status < 500, f"a question for a model that is not served is answered with {status}"

    def test_an_adapter_is_one_request_s(self, served: ServedModel) -> None:
        """The base model answers as before once an adapter was asked: nothing of one request stays for the next."""
        body = {"model": served.model, "messages": QUESTION, "max_tokens": 8, "temperature": 0}
        before = text_of(served.client.post(CHAT, body).json)
        for adapter in served.adapters:
            served.client.post(CHAT, {**body, "model": adapter})
        after = text_of(served.client.post(CHAT, body).json)
        assert before == after, f"after a request for an adapter the base model says {after!r}, before {before!r}"

    def test_a_stream_says_why_it_ends(self, served: ServedModel) -> None:
        """With ``streaming``, an event of a stream has a ``finish_reason``; ``model`` is the one that was asked for."""
        if not served.able.streaming:
            return
        body = {"model": served.model, "messages": QUESTION, "max_tokens": 8, "stream": True}
        answer = served.client.post(CHAT, body)
        chunks = [chunk or {} for chunk in chunks_of(answer)]
        reasons = [choice.get("finish_reason") for choice in choices_of(answer)]
        assert any(reasons), "no event of a stream has a finish_reason"
        kinds = {chunk.get("object", CHUNK) for chunk in chunks}
        assert kinds <= {CHUNK}, f"object of an event is {', '.join(sorted(map(str, kinds)))}, not {CHUNK}"
        names = {chunk.get("model", served.model) for chunk in chunks}
        assert names <= {served.model}, f"events of a stream say model {', '.join(sorted(map(str, names)))}"

    def test_an_error_is_the_client_s_and_json(self, served: ServedModel) -> None:
        """A body without a conversation is answered with 400 to 499, and with JSON whose ``error`` has a message."""
        for body in (b"{", b'{"messages": 5}'):
            answer = served.client.post(CHAT, body)
            assert 400 <= answer.status < 500, f"{body!r} is answered with {answer.status}: it is the client's fault"
            error = answer.json.get("error") if isinstance(answer.json, dict) else None
            assert isinstance(error, dict), f"an error is no JSON object with error: {answer.body[:80]!r}"
            assert error.get("message"), f"an error has no message: {answer.body[:80]!r}"


def _question(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


def _parts(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


def _asked(answer: object) -> int:
    """Return the tokens of the question, 0 where the answer does not tell."""
    usage = answer.get("usage") if isinstance(answer, dict) else None
    return int(usage.get("prompt_tokens") or 0) if isinstance(usage, dict) else 0
