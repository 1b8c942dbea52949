"""The messages of a conversation. Each field is read by the chat template, has no effect, or is refused by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from llmwright.values.message_fields import REASONING, must_be_read
from llmwright.values.messages import MessageError, for_template
from llmwright_runtime_hf.serve.http.openai_errors import ApiError, cut

_MARK = "llmwright5c90e2"
"""Stands in for a content, to see whether the template writes it."""

_THINKING = re.compile(r"""\.thinking\b|["']thinking["']""")

_Render = Callable[[list[dict[str, Any]]], str]


class TextPart(BaseModel):
    """One part of a message's content; only text is supported."""

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """One message of a conversation. Other fields (``name``, ``tool_calls``) go to the chat template."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | Annotated[list[TextPart], Field(fail_fast=True)] | None = None

    @property
    def characters(self) -> int:
        return len(self.text)

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else "".join(part.text for part in self.content or ())

    def for_template(self) -> dict[str, Any]:
        """The message as chat templates read it. Raises MessageError for tool calls that none can take."""
        return for_template({**(self.model_extra or {}), "role": self.role, "content": self.text})


def messages_for_template(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return the messages as chat templates read them.

    Raises:
        ApiError: 400 for tool calls that no template takes, and for a message that says nothing.
    """
    return [_for_template(message, index) for index, message in enumerate(messages)]


def _for_template(message: Message, index: int) -> dict[str, Any]:
    try:
        plain = message.for_template()
    except MessageError as error:
        raise ApiError(400, f"messages[{index}].{error}", param="messages", code="invalid_value") from error
    if message.content is None and not must_be_read(plain, ""):
        path = f"messages.{index}.content"
        raise ApiError(400, f"{path}: a message needs content", param=path, code="invalid_value")
    return plain


def without_double_reasoning(plain: Sequence[dict[str, Any]], template: str) -> list[dict[str, Any]]:
    """Return the messages; where ``template`` reads ``thinking``, a call that has a text beside it has no reasoning.

    The templates of gpt-oss have one place for both and refuse a message with two, which is what a client sends back
    after an answer with two. Reasoning alone reaches them: transformers writes it under each of its names.
    """
    if not _THINKING.search(template):
        return [*plain]
    return [_without(message, *REASONING) if _says_twice(message) else message for message in plain]


def _says_twice(message: Mapping[str, Any]) -> bool:
    reasons = any(message.get(name) for name in REASONING)
    return reasons and message["role"] == "assistant" and bool(message.get("tool_calls") and message["content"])


def refuse_dropped(plain: Sequence[dict[str, Any]], template: str, text: str, render: _Render) -> None:
    """Raise ApiError (400) for what is in no text that ``template`` makes: messages of a role, fields of a message.

    Args:
        text: what ``render`` makes of the messages ``plain``.
    """
    _refuse_dropped_roles(plain, text, render)
    _refuse_dropped_calls(plain, text, render)
    for index, message in enumerate(plain):
        for name in must_be_read(message, template):
            # A template that has the name reads it, and decides when: many write the tools of the last turn alone.
            if re.search(rf"\b{re.escape(name)}\b", template):
                continue
            if render([_without(other, name) for other in plain]) != text:
                # It writes whole messages, and so every field.
                return
            raise _dropped(f"messages.{index}.{cut(name, 100)}")


def _refuse_dropped_roles(plain: Sequence[dict[str, Any]], text: str, render: _Render) -> None:
    """Look at the first message of each role: a template treats a role's alike, and a look may cost a rendering."""
    first = {str(message["role"]): index for index, message in reversed(list(enumerate(plain)))}
    for role, index in first.items():
        content = str(plain[index]["content"]).strip()
        if role == "assistant" or not content or content in text:
            continue
        if not _writes(plain, index, text, render):
            raise _dropped(f"messages.{index}", f", of the role {role}")


def _refuse_dropped_calls(plain: Sequence[dict[str, Any]], text: str, render: _Render) -> None:
    """Refuse what stands after the first call of a message, where a template writes one call alone (gpt-oss)."""
    several = [index for index, message in enumerate(plain) if len(message.get("tool_calls") or ()) > 1]
    if not several:
        return
    index = several[0]

    def writes_same(calls: int) -> bool:
        fewer = {**plain[index], "tool_calls": plain[index]["tool_calls"][:calls]}
        return _gives([*plain[:index], fewer, *plain[index + 1 :]], text, render)

    # Of earlier turns a template may leave all calls out, by design.
    if writes_same(1) and not writes_same(0):
        raise _dropped(f"messages.{index}.tool_calls.1", ", a second call of one message")


def _writes(plain: Sequence[dict[str, Any]], index: int, text: str, render: _Render) -> bool:
    marked = [*plain]
    marked[index] = {**plain[index], "content": _MARK}
    return not _gives(marked, text, render)


def _gives(messages: Sequence[dict[str, Any]], text: str, render: _Render) -> bool:
    """Whether the template makes ``text`` of these messages. One that refuses them has read what was changed."""
    try:
        return render([*messages]) == text
    except Exception:
        return False


def _dropped(path: str, what: str = "") -> ApiError:
    message = f"{path}{what}: the chat template of this model does not write it"
    return ApiError(400, message, param=path, code="unsupported_parameter")


def _without(message: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key not in names}
