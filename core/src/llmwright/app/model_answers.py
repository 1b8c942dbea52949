"""Answers of servers that speak the OpenAI API: whole answers, pieces of a stream, errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from llmwright.app.server_sent_events import ServerSentEvent, read_events
from llmwright.errors import ConfigError, TargetError

if TYPE_CHECKING:
    import httpx

_SHOWN = 500
END = "[DONE]"
"""The last document of a stream."""

REASONING = ("reasoning", "reasoning_content")
"""The names of what a model thinks before it answers: vLLM's, and the older one that other servers have."""

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
    return object_of(response.text, response.url.path)


def begins_as_events(text: str) -> bool:
    """Whether ``text`` begins as a stream of events does, which some servers send under another content type."""
    return _EVENTS.match(text) is not None


def text_of_response(response: httpx.Response) -> str:
    """Return the text of an answer: whole, or as events under any content type.

    Raises:
        ConfigError: the server refuses what was asked.
        TargetError: the server failed, or sent what is no answer.
    """
    import httpx

    if response.status_code == httpx.codes.OK and begins_as_events(response.text):
        return "".join(pieces_of([response.content]))
    return whole_text(content_of(response))


def whole_text(content: Mapping[str, Any]) -> str:
    """Return the text of a whole answer; empty where it has none.

    Raises:
        TargetError: it has no choices.
    """
    choices = choices_of(content)
    if not choices:
        raise _broken(content)
    return well_formed(text_of(choices[0], "message"))


def pieces_of(chunks: Iterable[bytes], on_reasoning: Callable[[str], None] | None = None) -> Iterator[str]:
    """Yield the text of a stream of answers, never empty, and never half of a character.

    Args:
        on_reasoning: gets each piece of what the model thinks before it answers, where the server tells that apart.

    Raises:
        TargetError: the server reports an error, sends what is no event of an answer, or ends in the middle.
    """
    held = ""
    for piece in _raw_pieces(chunks, on_reasoning or (lambda _: None)):
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
        text = error_text(response.json()) or ""
    except ValueError:
        text = ""
    text = text or response.text[:_SHOWN].strip() or response.reason_phrase
    if response.status_code == 401:
        return ConfigError(f"{response.url} wants an API key: {text}", hint="set LLMWRIGHT_API_KEY")
    kind = ConfigError if response.status_code < 500 else TargetError
    return kind(f"{response.url.path} answered {response.status_code}: {text}")


def _raw_pieces(chunks: Iterable[bytes], on_reasoning: Callable[[str], None]) -> Iterator[str]:
    complete = False
    try:
        for text, kind in (document for event in read_events(chunks) for document in documents_of(event)):
            if text == END:
                return
            for choice in choices_of(answer_of(text, kind)):
                complete = complete or bool(choice.get("finish_reason"))
                if thought := reasoning_of(choice):
                    on_reasoning(thought)
                yield text_of(choice, "delta")
    except ValueError as error:
        raise TargetError(f"the model's server sent what cannot be read: {error}") from error
    if not complete:
        raise TargetError("the model's server broke off: the stream ended in the middle of the answer")


def documents_of(event: ServerSentEvent) -> Iterator[tuple[str, str]]:
    """Yield the JSON texts of ``event``, each with its event's type.

    Some servers leave out the empty line between two events, so that each of their lines is one.
    """
    whole = len(event.lines) == 1 or _is_json(event.data)
    for text in (event.data,) if whole else event.lines:
        if text.strip():
            yield text.strip(), event.kind


def answer_of(text: str, kind: str) -> Mapping[str, Any]:
    """Return the JSON object of an event.

    Raises:
        TargetError: the server reports an error in the stream (reason ``AnswerBrokeOff``), or it is no JSON object
            (``MalformedAnswer``).
    """
    if kind == "error" and not _is_json(text):
        raise _broke_off(text[:_SHOWN])
    content = object_of(text, "the stream")
    error = error_text(content, whole=kind == "error")
    if error is not None:
        raise _broke_off(error)
    return content


def error_text(content: Any, *, whole: bool = True) -> str | None:
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


def choices_of(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the choices of an answer, or of a part of one; empty where it has none."""
    listed = content.get("choices")
    return [choice for choice in listed if isinstance(choice, Mapping)] if isinstance(listed, list) else []


def text_of(choice: Mapping[str, Any], name: str) -> str:
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


def reasoning_of(choice: Mapping[str, Any]) -> str:
    """Return the reasoning in a piece of an answer; empty where it has none."""
    delta = choice.get("delta")
    found = next(filter(None, map(delta.get, REASONING)), "") if isinstance(delta, Mapping) else ""
    return well_formed(found) if isinstance(found, str) else ""


def object_of(text: str, where: str) -> Mapping[str, Any]:
    """Return the JSON object that ``where`` holds. Raises TargetError (``MalformedAnswer``) where it is none."""
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
        f"{where} is not of the OpenAI API: {str(content)[:_SHOWN]}",
        hint="is this the address of a model's server?",
        reason="MalformedAnswer",
    )


def _broke_off(error: str) -> TargetError:
    return TargetError(f"the model's server broke off: {error}", reason="AnswerBrokeOff")
