"""JSON that every client can read."""

from __future__ import annotations

import json

import pytest

from llmwright_runtime_hf.serve.http.event_stream import _server_sent_event
from llmwright_runtime_hf.serve.http.json_text import SafeJsonResponse, json_bytes

TEXTS = [
    "plain",
    "\0\x1f\x7f\x85\u2028\u2029\ufeff\ufffe\uffff",
    "é \U0001f600 \U0010ffff",
    '"\\ud800',
    "a\r\n\r\ndata: b",
]


@pytest.mark.parametrize("text", TEXTS)
def test_every_character_arrives(text: str) -> None:
    sent = json_bytes({text: [text]})

    assert json.loads(sent.decode()) == {text: [text]}
    assert len(sent.decode().splitlines()) == 1
    assert _server_sent_event({"a": text}).decode().count("\n") == 2


@pytest.mark.parametrize(
    ("text", "sent"),
    [("\ud800", "\ufffd"), ("a\udfffb", "a\ufffdb"), ("\ud83d\ude00", "\U0001f600"), ("\ude00\ud83d", "\ufffd\ufffd")],
)
def test_lone_surrogates_are_replaced_and_pairs_are_joined(text: str, sent: str) -> None:
    assert json.loads(json_bytes(text)) == sent
    assert json.loads(bytes(SafeJsonResponse({"a": text}).body)) == {"a": sent}
    assert json.loads(_server_sent_event({"a": text})[6:]) == {"a": sent}
