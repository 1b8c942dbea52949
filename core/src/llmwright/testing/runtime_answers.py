"""Laws of what a started server answers: names, numbers, errors and what it keeps for itself."""

from __future__ import annotations

from dataclasses import replace

from llmwright.plugins.drivers import Runtime
from llmwright.testing.served_runtimes import (
    CHAT,
    KEY,
    KEY_VARIABLE,
    QUESTION,
    ServedRuntimeContract,
    Server,
    replace_answer,
)
from llmwright.values.adapter import Adapter
from llmwright.values.launch import Launch, SecretKey
from llmwright.values.preset import Preset


class AnswersContract(ServedRuntimeContract):
    """Laws of the answers of one server. What an answer may leave out is judged where it is there."""

    def test_an_answer_is_of_the_model_that_was_asked(
        self, server: Server, served_preset: Preset, served_adapters: tuple[Adapter, ...]
    ) -> None:
        """``model`` of an answer is the name that was asked for, and ``usage`` adds up."""
        for name in (served_preset.name, *(adapter.name for adapter in served_adapters)):
            answer = server.client.post(CHAT, {"model": name, "messages": QUESTION, "max_tokens": 4}).json or {}
            assert answer.get("model", name) == name, f"an answer of {name} says model {answer.get('model')!r}"
            usage = answer.get("usage")
            if usage:
                whole = usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0)
                assert usage.get("total_tokens") == whole, f"usage does not add up: {usage}"

    def test_the_length_may_be_left_open(self, server: Server, served_preset: Preset) -> None:
        """A request without ``max_tokens`` is answered: clients leave it out."""
        status = server.client.post(CHAT, {"model": served_preset.name, "messages": QUESTION}).status
        assert status == 200, f"a request without max_tokens is answered with {status}"

    def test_an_unknown_model_is_refused(self, driver: Runtime, server: Server) -> None:
        """With ``adapters``, a name that is none of those served is refused: else the wrong model answers unnoticed."""
        if not driver.capabilities.adapters:
            return
        status = server.client.post(CHAT, {"model": "no-such-model", "messages": QUESTION, "max_tokens": 2}).status
        assert 400 <= status < 500, f"a question for a model that is not served is answered with {status}"

    def test_an_adapter_is_one_request_s(
        self, server: Server, served_preset: Preset, served_adapters: tuple[Adapter, ...]
    ) -> None:
        """The base model answers as before once an adapter was asked: nothing of one request stays for the next."""
        body = {"model": served_preset.name, "messages": QUESTION, "max_tokens": 8, "temperature": 0}
        before = _text(server.client.post(CHAT, body).json)
        for adapter in served_adapters:
            server.client.post(CHAT, {**body, "model": adapter.name})
        after = _text(server.client.post(CHAT, body).json)
        assert before == after, f"after a request for an adapter the base model says {after!r}, before {before!r}"

    def test_a_stream_says_why_it_ends(self, driver: Runtime, server: Server, served_preset: Preset) -> None:
        """With ``streaming``, an event of a stream has a ``finish_reason``; ``model`` is the one that was asked for."""
        if not driver.capabilities.streaming:
            return
        body = {"model": served_preset.name, "messages": QUESTION, "max_tokens": 8, "stream": True}
        answer = server.client.post(CHAT, body)
        chunks = [replace_answer(answer, event) or {} for event in answer.events[:-1]]
        reasons = [choice.get("finish_reason") for chunk in chunks for choice in chunk.get("choices", [])]
        assert any(reasons), "no event of a stream has a finish_reason"
        names = {chunk.get("model", served_preset.name) for chunk in chunks}
        assert names <= {served_preset.name}, f"events of a stream say model {', '.join(sorted(map(str, names)))}"

    def test_an_error_is_the_client_s_and_json(self, server: Server) -> None:
        """A body without a conversation is answered with 400 to 499, and with JSON whose ``error`` has a message."""
        for body in (b"{", b'{"messages": 5}'):
            answer = server.client.post(CHAT, body)
            assert 400 <= answer.status < 500, f"{body!r} is answered with {answer.status}: it is the client's fault"
            error = answer.json.get("error") if isinstance(answer.json, dict) else None
            assert isinstance(error, dict), f"an error is no JSON object with error: {answer.body[:80]!r}"
            assert error.get("message"), f"an error has no message: {answer.body[:80]!r}"

    def test_it_keeps_its_secrets(self, served_launch: Launch, server: Server, served_preset: Preset) -> None:
        """A server that keeps a key tells strangers of no model, and writes the key nowhere."""
        taken = [value.key for value in served_launch.main.env.values() if isinstance(value, SecretKey)]
        if KEY_VARIABLE not in taken:
            return
        status = replace(server.client, key="").get("/v1/models").status
        assert status in (401, 403), f"GET /v1/models without the key is answered with {status}"
        server.client.post(CHAT, {"model": served_preset.name, "messages": QUESTION, "max_tokens": 2})
        assert KEY not in server.running.text, "it writes its key into its log"


def _text(answer: object) -> str:
    choices = answer.get("choices") if isinstance(answer, dict) else None
    return str(choices[0]["message"]["content"]) if choices else ""
