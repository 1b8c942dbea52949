"""Laws of requests that a server meets in the field: large bodies, any language, one connection for many."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from llmwright.testing.endpoint_basics import BasicsContract
from llmwright.testing.served_model import CHAT, QUESTION, ServedModel

WORDS = "Wie heißt das Schiff „Hollow Crown“ auf Russisch? Голубой, 青い船 🚢"
PADDING = 200_000
"""Bytes of blanks in a body: as large as one with a long conversation, and no longer a question."""


class RequestsContract(BasicsContract):
    """Laws of requests to one server."""

    def test_a_large_body_is_read_whole(self, served: ServedModel) -> None:
        """A body of some hundred thousand bytes is read to its end: long conversations are as large."""
        text = json.dumps({"model": served.model, "messages": QUESTION, "max_tokens": 2}).encode()
        answer = served.client.post(CHAT, b"{" + b" " * PADDING + text[1:])
        assert answer.status == 200, f"a body of {PADDING} bytes is answered with {answer.status}: read all of it"

    def test_any_language_is_answered(self, served: ServedModel) -> None:
        """A question beyond ASCII has a whole answer, which is JSON, and so has each event of a stream."""
        messages = [{"role": "user", "content": WORDS}]
        body = {"model": served.model, "messages": messages, "max_tokens": 16, "temperature": 0}
        for text in (json.dumps(body), json.dumps(body, ensure_ascii=False)):
            answer = served.client.post(CHAT, text.encode())
            assert answer.status == 200, f"a question beyond ASCII is answered with {answer.status}"
            assert answer.json is not None, f"its answer is no JSON, or cut off: {answer.body[-80:]!r}; count bytes"
        if served.able.streaming:
            events = served.client.post(CHAT, {**body, "stream": True}).events
            assert events[-1:] == ["[DONE]"], f"a question beyond ASCII has a stream that is cut off: {events[-1:]}"
            for event in events[:-1]:
                assert replace(answer, body=event.encode()).json is not None, f"an event is no JSON: {event[:80]!r}"

    def test_an_unknown_path_is_an_error(self, served: ServedModel) -> None:
        """A path that is not there is answered with an error: clients look which paths there are."""
        for path in ("/v1/no-such-path", "/no-such-path"):
            status = served.client.get(path).status
            assert status >= 400, f"GET {path} is answered with {status}: answer 404"
            status = served.client.post(path, {"model": "any", "messages": QUESTION}).status
            assert status >= 400, f"POST {path} is answered with {status}: answer 404"

    def test_a_refusal_leaves_the_connection_whole(self, served: ServedModel) -> None:
        """After a refused request the next one on its connection is understood: its body was read, all the same."""
        refused: list[tuple[str, Any]] = [(served.client.key, {"messages": 5})]
        if served.keeps_key:
            refused.append(("wrong", {"model": served.model, "messages": QUESTION}))
        for key, body in refused:
            try:
                status = served.client.on_one_connection(body, key, "/health").status
            except OSError as error:
                raise AssertionError(f"after a refused request the next on its connection fails: {error}") from error
            assert status == 200, (
                f"after a refused request /health is answered with {status} on the same connection: read the body of "
                "a request that you refuse"
            )
