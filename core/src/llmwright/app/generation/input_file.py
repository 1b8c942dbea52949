"""The requests of a file of JSON lines, in the shapes that OpenAI's batch files and people have."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from llmwright.errors import MOST_PROBLEMS, ConfigError
from llmwright.reading.files import Unreadable, decoded, read_text, user_path
from llmwright.reading.json_reader import read_json

Api = Literal["chat", "completions"]
ROUTES: Mapping[Api, str] = {"chat": "/v1/chat/completions", "completions": "/v1/completions"}
MOST_BYTES = 1024 * 1024 * 1024
SHAPES = (
    'a line is {"prompt": "text"}, {"messages": [{"role": "user", "content": "text"}]}, '
    'or one of OpenAI\'s batch files: {"custom_id": "1", "url": "/v1/chat/completions", "body": {…}}'
)
_BATCH = frozenset({"custom_id", "method", "url", "body"})
_REFUSED = {"stream": "answers are written whole", "stream_options": "answers are written whole"}


@dataclass(frozen=True, slots=True)
class LineRequest:
    """One request: where it stands, under which name its answer is written, and what is sent to which route."""

    line: int
    custom_id: str
    route: str
    body: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """A name for all that is asked: the same again for the same request."""
        content = json.dumps([self.custom_id, self.route, self.body], sort_keys=True)
        return f"batch_req_{hashlib.sha256(content.encode()).hexdigest()[:32]}"


@dataclass(frozen=True, slots=True)
class Defaults:
    """Fields for lines that do not have them. ``fields`` are those of a request, such as ``max_tokens``."""

    model: str
    api: Api
    fields: Mapping[str, Any]


def read_requests(path: str | Path, text: bytes | None, defaults: Defaults) -> tuple[LineRequest, ...]:
    """Return the requests of the file at ``path``, in its order, or of ``text`` that was read from there.

    Empty lines are passed over.

    Raises:
        ConfigError: the file cannot be read or holds none, or lines are no requests; each with its number.
    """
    try:
        content = _text(text) if text is not None else read_text(user_path(path), MOST_BYTES)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except Unreadable as error:
        raise ConfigError(f"{path}: {error}") from error
    line_requests, problems = list[LineRequest](), list[str]()
    for number, line in enumerate(content.split("\n"), 1):
        try:
            if line.strip():
                line_requests.append(request_of(read_json(line, MOST_BYTES), number, defaults))
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}")
    problems += _twice(path, line_requests)
    if problems:
        raise ConfigError("\n".join(_first(problems)), hint=SHAPES)
    if not line_requests:
        raise ConfigError(f"{path}: holds no request", hint=SHAPES)
    return tuple(line_requests)


def _text(content: bytes) -> str:
    if len(content) > MOST_BYTES:
        raise Unreadable(f"is larger than {MOST_BYTES:,} bytes")
    return decoded(content)


def request_of(value: Any, line: int, defaults: Defaults) -> LineRequest:
    """Return the request that the JSON ``value`` of a line is.

    Raises:
        ValueError: it is none; the message is a clause or a sentence for its line.
    """
    if not isinstance(value, Mapping):
        raise ValueError("is no object")
    name = value.get("custom_id", str(line))
    if not isinstance(name, str) or not name:
        raise ValueError('"custom_id" is no text')
    if "body" in value:
        route, body = _route(value, defaults), value["body"]
        if not isinstance(body, Mapping):
            raise ValueError('"body" is no object')
        unknown = sorted(value.keys() - _BATCH)
        if unknown:
            raise ValueError(f'"{unknown[0]}" stands beside "body": fields of the request belong into it')
    else:
        body = {field: content for field, content in value.items() if field != "custom_id"}
        route = ROUTES["chat" if "messages" in body else defaults.api]
    return LineRequest(line, name, route, _completed(body, route, defaults))


def _route(value: Mapping[str, Any], defaults: Defaults) -> str:
    if value.get("method", "POST") != "POST":
        raise ValueError('"method" is not POST')
    route = value.get("url", ROUTES["chat" if "messages" in value["body"] else defaults.api])
    if route not in ROUTES.values():
        raise ValueError(f'"url" is neither {" nor ".join(ROUTES.values())}')
    return str(route)


def _completed(body: Mapping[str, Any], route: str, defaults: Defaults) -> Mapping[str, Any]:
    """Return the body to send, with what is left open."""
    for field, why in _REFUSED.items():
        if body.get(field):
            raise ValueError(f'has "{field}": {why}')
    body = {field: content for field, content in body.items() if field not in _REFUSED}
    if ("prompt" in body) == ("messages" in body):
        raise ValueError('has both "prompt" and "messages"' if "prompt" in body else 'has no "prompt" or "messages"')
    if route == ROUTES["chat"]:
        body = _conversation(body)
    elif "messages" in body:
        raise ValueError(f'has "messages", which {route} does not take')
    limited = any(body.get(field) is not None for field in ("max_tokens", "max_completion_tokens"))
    open_fields = {name: value for name, value in defaults.fields.items() if not (limited and name == "max_tokens")}
    completed = {"model": defaults.model, **open_fields, **body}
    _refuse_no_numbers(completed)
    return completed


def _refuse_no_numbers(body: Mapping[str, Any]) -> None:
    try:
        json.dumps(body, allow_nan=False)
    except ValueError:
        raise ValueError("has NaN or Infinity, which no JSON holds") from None


def _conversation(body: Mapping[str, Any]) -> Mapping[str, Any]:
    if "prompt" in body:
        prompt = body["prompt"]
        if not isinstance(prompt, str) or not prompt:
            raise ValueError('"prompt" is no text' if not isinstance(prompt, str) else '"prompt" is empty')
        rest = {field: content for field, content in body.items() if field != "prompt"}
        return {**rest, "messages": [{"role": "user", "content": prompt}]}
    messages = body["messages"]
    if not isinstance(messages, list) or not messages:
        raise ValueError('"messages" is no list of messages')
    for number, message in enumerate(messages):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise ValueError(f'"messages[{number}]" is no message with a role')
    return body


def _twice(path: str | Path, requests: list[LineRequest]) -> Iterator[str]:
    """Yield a problem for each name that an earlier line has: their answers could not be told apart."""
    first: dict[str, int] = {}
    for request in requests:
        before = first.setdefault(request.custom_id, request.line)
        if before != request.line:
            yield f'{path}:{request.line}: "custom_id" {request.custom_id!r} is that of line {before} too'


def _first(problems: list[str]) -> Iterator[str]:
    yield from problems[:MOST_PROBLEMS]
    if len(problems) > MOST_PROBLEMS:
        yield f"and {len(problems) - MOST_PROBLEMS:,} more"
