"""Own prompts: a file of JSON lines, each a prompt as the OpenAI API takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from llmwright.app.benchmark.workload import Api, Prompt
from llmwright.errors import MOST_PROBLEMS, ConfigError
from llmwright.reading.files import Unreadable, read_text, user_path
from llmwright.reading.json_reader import read_json

MOST_BYTES = 256 * 1024 * 1024
SHAPES = '"text", {"prompt": "text"} or {"messages": [{"role": "user", "content": "text"}]}'
OURS = frozenset({"model", "n", "stream", "stream_options"})
"""Fields that the benchmark sets itself."""

_LIMITS = ("max_tokens", "max_completion_tokens")


def read_prompts(path: str | Path, api: Api) -> tuple[Prompt, ...]:
    """Return the prompts of the file at ``path``, in its order. Empty lines are passed over.

    A line is a text, an object with ``prompt`` or ``messages`` and further fields of a request, or a line of a batch
    file with such an object under ``body``.

    Raises:
        ConfigError: the file cannot be read or holds none, or lines are no prompts; each with its number.
    """
    try:
        text = read_text(user_path(path), MOST_BYTES)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except Unreadable as error:
        raise ConfigError(f"{path}: {error}") from error
    prompts, problems = [], []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            prompts += [prompt_of(read_json(line, MOST_BYTES), api)] if line.strip() else []
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}")
    if problems:
        raise ConfigError("\n".join(_first(problems)), hint=f"a line is {SHAPES}")
    if not prompts:
        raise ConfigError(f"{path}: holds no prompt", hint=f"a line is {SHAPES}")
    return tuple(prompts)


def prompt_of(value: Any, api: Api) -> Prompt:
    """Return the prompt that the JSON ``value`` is.

    Raises:
        ValueError: it is none; the message is a clause or a sentence for its line.
    """
    if isinstance(value, Mapping) and isinstance(value.get("body"), Mapping):
        value = {name: field for name, field in value["body"].items() if name not in ("model", "stream")}
    if isinstance(value, str):
        value = {"prompt": value}
    if not isinstance(value, Mapping):
        raise ValueError("is neither a text nor an object")
    fields = {name: field for name, field in value.items() if name not in ("prompt", "messages")}
    _check_fields(fields)
    if ("prompt" in value) == ("messages" in value):
        raise ValueError('has both "prompt" and "messages"' if "prompt" in value else 'has no "prompt" or "messages"')
    if "prompt" in value:
        return Prompt(text=_text(value["prompt"]), fields=fields)
    if api == "completions":
        raise ValueError('has "messages", which the API completions does not take')
    return Prompt(messages=_messages(value["messages"]), fields=fields)


def _check_fields(fields: Mapping[str, Any]) -> None:
    ours = sorted(OURS & fields.keys())
    if ours:
        raise ValueError(f'"{ours[0]}" is set by the benchmark, not by a line')
    for name in _LIMITS:
        limit = fields.get(name, 1)
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise ValueError(f'"{name}" is not a number of tokens')


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError('"prompt" is not a text' if not isinstance(value, str) else '"prompt" is empty')
    return value


def _messages(value: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not value:
        raise ValueError('"messages" is not a list of messages')
    for number, message in enumerate(value):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise ValueError(f'"messages[{number}]" is no message with a role')
    return tuple(value)


def _first(problems: list[str]) -> Iterator[str]:
    yield from problems[:MOST_PROBLEMS]
    if len(problems) > MOST_PROBLEMS:
        yield f"and {len(problems) - MOST_PROBLEMS:,} more"
