"""Answers of servers that speak the OpenAI API: whole answers, pieces of a stream, errors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llmwright.app.server_sent_events import read_events
from llmwright.errors import ConfigError, TargetError

if TYPE_CHECKING:
    import httpx

_SHOWN = 500
_END = "[DONE]"
_EVENTS = re.compile(r"\ufeff?\s*(?:data|event|id|retry)?:")
"""How a stream of events begins, and no JSON object does."""


def well_formed(text: str) -> str:
    """Return ``text`` with its surrogate pairs joined, and U+FFFD for each surrogate that stands alone."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def content_of(response: httpx.Response) -> Mapping[str, Any]:
    """Return the JSON object of a successful response.

    Raises:
        ConfigError: the server refuses what was asked.
        TargetError: the server failed, or does not answer with a JSON object.
    """
    import httpx

    if response.status_code != httpx.codes.OK:
        raise refusal(response)
    return _object(response.text, response.url.path)


def text_of_response(response: httpx.Response) -> str:
    """Return the text of an answer: whole, or as events, which some servers send under another content type.

    Raises:
        ConfigError: the server refuses what was asked.
        TargetError: the server failed, or sent what is no answer.
    """
    import httpx

    if response.status_code == httpx.codes.OK and _EVENTS.match(response.text):
        return "".join(pieces_of([response.content]))
    return whole_text(content_of(response))


def whole_text(content: Mapping[str, Any]) -> str:
    """Return the text of a whole answer; empty where it has none.

    Raises:
        TargetError: it has no choices.
    """
    choices = _choices(content)
    if not choices:
        raise _broken(content)
    return well_formed(_text_of(choices[0], "message"))


def pieces_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """Yield the text of a stream of answers, never empty, and never half of a character.

    Raises:
        TargetError: the server reports an error, sends what is no event of an answer, or ends in the middle.
    """
    held = ""
    for piece in _raw_pieces(chunks):
        text = held + piece
        # JSON may write a character as two escapes, and a server may part them between two events.
        held = text[-1] if "\ud800" <= text[-1:] <= "\udbff" else ""
        ready = well_formed(text.removesuffix(held) if held else text)
        if ready:
            yield ready
    if held:
        yield well_formed(held)


def refusal(response: httpx.Response) -> ConfigError | TargetError:
    """Return the error for a response whose status is not 200."""
    try:
        text = _error_text(response.json()) or ""
    except ValueError:
        text = ""
    text = text or response.text[:_SHOWN].strip() or response.reason_phrase
    if response.status_code == 401:
        return ConfigError(f"{response.url} wants an API key: {text}", hint="set LLMWRIGHT_API_KEY")
    kind = ConfigError if response.status_code < 500 else TargetError
    return kind(f"{response.url.path} answered {response.status_code}: {text}")


def _raw_pieces(chunks: Iterable[bytes]) -> Iterator[str]:
    complete = False
    try:
        for text, kind in _documents(chunks):
            if text == _END:
                return
            for choice in _choices(_answer_of(text, kind)):
                complete = complete or bool(choice.get("finish_reason"))
                yield _text_of(choice, "delta")
    except ValueError as error:
        raise TargetError(f"the model's server sent what cannot be read: {error}") from error
    if not complete:
        raise TargetError("the model's server broke off: the stream ended in the middle of the answer")


def _documents(chunks: Iterable[bytes]) -> Iterator[tuple[str, str]]:
    """Yield the JSON texts of a stream, each with its event's type.

    Some servers leave out the empty line between two events, so that each of their lines is one.
    """
    for event in read_events(chunks):
        whole = len(event.lines) == 1 or _is_json(event.data)
        for text in (event.data,) if whole else event.lines:
            if text.strip():
                yield text.strip(), event.kind


def _answer_of(text: str, kind: str) -> Mapping[str, Any]:
    """Return the JSON object of an event. Raises TargetError for an error that a server reports in the stream."""
    if kind == "error" and not _is_json(text):
        raise TargetError(f"the model's server broke off: {text[:_SHOWN]}")
    content = _object(text, "the stream")
    error = _error_text(content, whole=kind == "error")
    if error is not None:
        raise TargetError(f"the model's server broke off: {error}")
    return content


def _error_text(content: Any, *, whole: bool = True) -> str | None:
    """Return the message of an error in one of the shapes that servers use; None where ``content`` is none.

    ``whole``: all of ``content`` is about an error, as in a response with an error's status.
    """
    if not isinstance(content, Mapping):
        return None
    error = content.get("error")
    if isinstance(error, Mapping):
        return str(error.get("message") or error)
    if error:
        return str(error)
    if whole or content.get("object") == "error":
        return str(content.get("message") or content.get("detail") or "") or None
    return None


def _choices(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed = content.get("choices")
    return [choice for choice in listed if isinstance(choice, Mapping)] if isinstance(listed, list) else []


def _text_of(choice: Mapping[str, Any], name: str) -> str:
    """Return the text under ``name`` (``delta`` or ``message``), whole or in parts; or that of a plain completion."""
    body = choice.get(name) or choice.get("message") or {}
    content = body.get("content") if isinstance(body, Mapping) else None
    if content is None and isinstance(body, Mapping):
        # An answer of OpenAI's API has either the one or the other.
        content = body.get("refusal")
    if content is None:
        content = choice.get("text")
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def _object(text: str, where: str) -> Mapping[str, Any]:
    try:
        content = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, Mapping):
        raise _broken(text, where)
    return content


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _broken(content: object, where: str = "the answer") -> TargetError:
    return TargetError(
        f"{where} is not of the OpenAI API: {str(content)[:_SHOWN]}", hint="is this the address of a model's server?"
    )
