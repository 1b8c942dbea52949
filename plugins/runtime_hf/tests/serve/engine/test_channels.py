"""Messages with channels are told apart, in pieces of any length, well formed or not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.channel_model import SPECIAL, channel_tokenizer, merged, spelled, tokens_of

from llmwright_runtime_hf.serve.engine.answer_parts import Piece
from llmwright_runtime_hf.serve.engine.channels import MARKS, Channels, ChannelTokens

THINK = "<|channel|>analysis<|message|>Think of rain.<|end|><|start|>assistant"
CALL = '<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"place": "Oslo"}'
WEATHER = ("weather", '{"place": "Oslo"}')
THOUGHT = ("reasoning", "Think of rain.")
TOKENS = ChannelTokens.of(lambda text: SPECIAL.index(text) if text in SPECIAL else None)


def decode(tokens: Sequence[int]) -> str:
    return str(channel_tokenizer().decode([*tokens], skip_special_tokens=True))


def parted(text: str) -> list[str]:
    """Return marks and texts, as tokens have them."""
    return [piece for piece in re.split("(" + "|".join(map(re.escape, MARKS)) + ")", text) if piece]


def read(pieces: Iterable[str], *, cut: bool = False, begun: str = "<|start|>assistant") -> list[Piece]:
    channels = Channels()

    def take(pieces: Iterable[str]) -> list[Piece]:
        return [made for piece in pieces for made in (channels.mark(piece) if piece in MARKS else channels.text(piece))]

    if begun:
        take(parted(begun))
        channels.begin_answer()
    return [*take(pieces), *channels.finish(cut=cut)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<|channel|>final<|message|>It rains.<|return|>", [("content", "It rains.")]),
        (f"{THINK}<|channel|>final<|message|>It rains.<|return|>", [THOUGHT, ("content", "It rains.")]),
        (f"{THINK}{CALL}<|call|>", [THOUGHT, WEATHER]),
        (CALL.replace("<|constrain|>", ""), [WEATHER]),
        (CALL.replace(" <|constrain|>", "<|constrain|>"), [WEATHER]),
        (CALL.replace("functions.", ""), [WEATHER]),
        (CALL.replace("commentary", "analysis"), [WEATHER]),
        (' to=functions.weather<|channel|>commentary json<|message|>{"place": "Oslo"}<|call|>', [WEATHER]),
        (
            f"<|channel|>commentary<|message|>Let me look.<|end|><|start|>assistant{CALL}<|call|>",
            [("content", "Let me look."), WEATHER],
        ),
        (
            "<|channel|>commentary<|message|>A<|end|><|start|>assistant<|channel|>final<|message|>B<|return|>",
            [("content", "A\nB")],
        ),
        (f"{THINK}{THINK}", [("reasoning", "Think of rain.\nThink of rain.")]),
        (f"{CALL}<|end|><|start|>assistant{CALL}<|call|>", [WEATHER, WEATHER]),
        ("<|channel|>commentary to=functions.now <|constrain|>json<|message|><|call|>", [("now", "")]),
        ("<|channel|>analysis to=python code<|message|>1 + 1<|call|>", [("reasoning", "1 + 1")]),
        ("<|channel|>commentary to=python code<|message|>1 + 1<|call|>", []),
        ("<|channel|>commentary to=browser.search<|message|>x<|call|>", []),
        ("<|channel|>commentary to=functions.<|message|>x<|call|>", []),
        ("<|channel|>secret<|message|>x<|end|>", []),
        ("<|end|><|start|>user<|message|>And you?<|end|>", []),
        ("<|end|><|start|>functions.now to=assistant<|channel|>commentary<|message|>12<|end|>", []),
    ],
)
def test_each_message_is_what_its_header_says(text: str, said: list[tuple[str, str]]) -> None:
    assert merged(read(parted(text))) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Hello there.<|return|>", [("content", "Hello there.")]),
        ("\n\nHello", [("content", "\n\nHello")]),
        ("tomorrow", [("content", "tomorrow")]),
        ("<|message|>Hello", [("content", "Hello")]),
        ("<|start|>assistant<|channel|>final<|message|>Hello", [("content", "Hello")]),
        ("<|channel|>final Hello<|return|>", [("content", "<|channel|>final Hello")]),
        ("<|channel|><|channel|>", [("content", "<|channel|><|channel|>")]),
        ("<|channel|>analysis<|message|>A<|channel|>final<|message|>B", [("reasoning", "A"), ("content", "B")]),
        ("<|channel|>final<|message|>A<|message|>B<|constrain|>C", [("content", "ABC")]),
        ("<|channel|>final<|message|>A<|end|>B<|end|>", [("content", "A")]),
        ("<|end|><|start|>assistant<|end|>", []),
        ("", []),
    ],
)
def test_what_is_malformed_is_shown_where_it_can_be(text: str, said: list[tuple[str, str]]) -> None:
    assert merged(read(parted(text))) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<|channel|>analysis<|message|>Think", [("reasoning", "Think")]),
        (f"{THINK}<|channel|>fin", [THOUGHT]),
        ("<|channel|>", []),
        (CALL[:-5], [("weather", '{"place": "O')]),
        ("to=", [("content", "to=")]),
    ],
)
def test_what_is_cut_shows_no_header(text: str, said: list[tuple[str, str]]) -> None:
    assert merged(read(parted(text), cut=True)) == said


TEXTS = st.text(st.sampled_from("to=functions.ab <|>\nä"), max_size=9)


@given(
    st.lists(st.sampled_from(MARKS) | TEXTS, max_size=12), st.booleans(), st.sampled_from(["", "<|start|>assistant"])
)
@example(["to", "=x"], False, "<|start|>assistant")
def test_pieces_of_any_length_say_the_same(pieces: list[str], cut: bool, begun: str) -> None:
    whole = [*_joined(pieces)]
    letters = [part for piece in whole for part in ([piece] if piece in MARKS else piece)]

    assert merged(read(whole, cut=cut, begun=begun)) == merged(read(letters, cut=cut, begun=begun))
    assert merged(read(whole, cut=cut, begun=begun)) == merged(read(pieces, cut=cut, begun=begun))


def _joined(pieces: Iterable[str]) -> Iterable[str]:
    """Yield marks, and texts that stand side by side as one."""
    text = ""
    for piece in pieces:
        if piece not in MARKS:
            text += piece
            continue
        yield from [text] if text else []
        text = ""
        yield piece
    yield from [text] if text else []


KINDS = {"reasoning": "analysis", "content": "final", "weather": "commentary to=functions.weather <|constrain|>json"}
SAYINGS = st.text(st.sampled_from('{"a": 1} <to=>\nä'), min_size=1, max_size=12)


@given(st.lists(st.tuples(st.sampled_from([*KINDS]), SAYINGS), min_size=1, max_size=5), st.data())
def test_what_a_model_writes_is_read_wherever_it_is_cut(messages: list[tuple[str, str]], data: st.DataObject) -> None:
    written = "<|end|><|start|>assistant".join(f"<|channel|>{KINDS[kind]}<|message|>{text}" for kind, text in messages)
    pieces = [part for piece in parted(written) for part in ([piece] if piece in MARKS else piece)]
    expected = {kind: "\n".join(text for other, text in messages if other == kind) for kind in ("content", "reasoning")}

    said = merged(read([*pieces, "<|return|>"]))
    assert {kind: text for kind, text in said if kind != "weather"} == {k: t for k, t in expected.items() if t}
    assert [text for kind, text in said if kind == "weather"] == [text for kind, text in messages if kind == "weather"]

    most = data.draw(st.integers(0, len(pieces)))
    begun = dict(merged(read(pieces[:most], cut=True)))
    for kind in ("content", "reasoning"):
        assert expected[kind].startswith(begun.get(kind, ""))
    assert not any(mark in text for text in begun.values() for mark in MARKS)


def test_the_prompt_says_where_the_answer_begins() -> None:
    header = TOKENS.after(tokens_of("<|start|>user<|message|>hi<|end|><|start|>assistant"), decode)
    final = TOKENS.after(tokens_of("<|start|>assistant<|channel|>final<|message|>It"), decode)
    thinking = TOKENS.after(tokens_of("<|start|>assistant<|channel|>analysis<|message|>"), decode)
    named = TOKENS.after(tokens_of("<|start|>assistant<|channel|>"), decode)
    forced = TOKENS.after(tokens_of("<|start|>assistant to=functions.now<|channel|>"), decode)
    ended = TOKENS.after(tokens_of("<|start|>user<|message|>hi<|end|>"), decode)
    plain = TOKENS.after(tokens_of("[user] hi [assistant] "), decode)

    assert header.at_first_mark
    assert not header.in_content
    assert final.in_content
    assert thinking.in_reasoning
    assert merged(final.text(" rains.")) == [("content", " rains.")]
    assert merged([*named.text("final"), *named.mark("<|message|>"), *named.text("A")]) == [("content", "A")]
    assert merged([*forced.text("commentary"), *forced.mark("<|message|>")]) == [("now", "")]
    assert ended.text("x") == []
    assert plain.in_content
    assert merged(plain.text("A")) == [("content", "A")]


def test_a_tokenizer_without_the_marks_has_no_channels() -> None:
    some = ChannelTokens.of(lambda text: 7 if text in ("<|end|>", "<|start|>") else None)

    assert not some.marks
    assert some.turn_ends == some.others == frozenset()
    assert some.after([7, 7], decode).in_content
    assert {TOKENS.marks[token] for token in TOKENS.turn_ends} == {"<|return|>", "<|call|>"}
    assert not TOKENS.marks.keys() & set(spelled("<|end|>"))
