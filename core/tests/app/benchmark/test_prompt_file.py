"""Own prompts, and what is said about lines that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmwright.app.benchmark.prompt_file import prompt_of, read_prompts
from llmwright.app.benchmark.workload import Prompt
from llmwright.errors import ConfigError

USER = {"role": "user", "content": "hi"}


@pytest.mark.parametrize(
    ("value", "prompt"),
    [
        ("hi", Prompt("hi")),
        ({"prompt": "hi"}, Prompt("hi")),
        ({"messages": [USER]}, Prompt(messages=(USER,))),
        ({"prompt": "hi", "max_tokens": 5, "top_p": 0.9}, Prompt("hi", fields={"max_tokens": 5, "top_p": 0.9})),
        ({"custom_id": "1", "method": "POST", "body": {"model": "x", "messages": [USER]}}, Prompt(messages=(USER,))),
    ],
)
def test_shapes(value: Any, prompt: Prompt) -> None:
    assert prompt_of(value, "chat") == prompt


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "is no JSON"),
        ("5", "is neither a text nor an object"),
        ("{}", 'has no "prompt" or "messages"'),
        ('{"prompt": "a", "messages": []}', 'has both "prompt" and "messages"'),
        ('{"prompt": 5}', '"prompt" is not a text'),
        ('""', '"prompt" is empty'),
        ('{"messages": []}', '"messages" is not a list of messages'),
        ('{"messages": [{"content": "a"}]}', '"messages[0]" is no message with a role'),
        ('{"prompt": "a", "stream": true}', '"stream" is set by the benchmark'),
        ('{"prompt": "a", "max_tokens": "5"}', '"max_tokens" is not a number of tokens'),
        ('{"prompt": "a", "max_tokens": 0}', '"max_tokens" is not a number of tokens'),
        ("[" * 1000, "is nested more than 100 levels deep"),
        (r'"\ud800"', "half of a character"),
    ],
)
def test_a_line_that_is_no_prompt_is_named(tmp_path: Path, line: str, words: str) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text(f'"fine"\n\n{line}\n')
    with pytest.raises(ConfigError) as raised:
        read_prompts(file, "chat")
    assert raised.value.message.startswith(f"{file}:3: ")
    assert words in raised.value.message
    assert raised.value.hint


def test_messages_are_not_for_completions() -> None:
    with pytest.raises(ValueError, match="which the API completions does not take"):
        prompt_of({"messages": [USER]}, "completions")


def test_every_bad_line_is_named_up_to_fifty(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    file.write_text("{\n" * 60)
    with pytest.raises(ConfigError) as raised:
        read_prompts(file, "chat")
    assert len(raised.value.message.splitlines()) == 51
    assert raised.value.message.endswith("and 10 more")


def test_the_order_and_any_line_end_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "p.jsonl"
    file.write_bytes("\r\n".join(json.dumps(text) for text in ("a", "b\u2028c")).encode())
    assert [prompt.text for prompt in read_prompts(file, "chat")] == ["a", "b\u2028c"]


@pytest.mark.parametrize(
    ("content", "words"), [(None, "no such file"), (b"\n \n", "holds no prompt"), (b"\xff", "UTF-8")]
)
def test_files_without_prompts(tmp_path: Path, content: bytes | None, words: str) -> None:
    file = tmp_path / "p.jsonl"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        read_prompts(file, "chat")
    with pytest.raises(ConfigError, match="is a directory"):
        read_prompts(tmp_path, "chat")
