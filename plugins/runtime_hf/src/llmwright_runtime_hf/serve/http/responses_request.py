"""The body of ``POST /v1/responses``: OpenAI's Responses API, as far as one answer of text goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.requests import ChatCompletionRequest, Count, Effort, Share

RESPONSES = "/v1/responses"
NO_EFFECT = frozenset(
    {
        *("metadata", "user", "safety_identifier", "service_tier", "prompt_cache_key", "prompt_cache_retention"),
        *("store", "parallel_tool_calls"),
    }
)
"""Fields that change no answer: nothing is stored, and there are no tools here."""
HARMLESS: dict[str, tuple[Any, ...]] = {
    "tools": ([],),
    "tool_choice": ("auto", "none"),
    "truncation": ("disabled",),
    "background": (False,),
    "include": ([],),
    "top_logprobs": (0,),
}
"""Values of fields that are not built, which ask for nothing."""


class TextOfInput(BaseModel):
    """A part of a message: text."""

    type: Literal["input_text", "output_text", "text"]
    text: str


class ReasoningOfInput(BaseModel):
    """Reasoning of an earlier answer, as that one held it. It is left out: no template writes it before a question."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["reasoning"]


class MessageOfInput(BaseModel):
    """A message. What answers of this server hold beside role and content may stand in it."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[TextOfInput], Field(fail_fast=True)]

    def for_chat(self) -> dict[str, Any]:
        """Return the message as chats have it."""
        content = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return {"role": self.role, "content": content}


class FormatOfText(BaseModel):
    """``text.format``: ``response_format`` of chats, with the schema at its top."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, protected_namespaces=())

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str | None = None
    description: str | None = None
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")
    strict: bool | None = None


class TextOptions(BaseModel):
    """``text``."""

    model_config = ConfigDict(extra="forbid")

    format: FormatOfText | None = None


class ReasoningOptions(BaseModel):
    """``reasoning``: how much of it."""

    model_config = ConfigDict(extra="forbid")

    effort: Effort | None = None


def _kind_of_item(item: Any) -> str:
    kind = item.get("type") if isinstance(item, dict) else getattr(item, "type", None)
    return "reasoning-item" if kind == "reasoning" else "message-item"


_ItemOfInput = Annotated[
    Annotated[MessageOfInput, Tag("message-item")] | Annotated[ReasoningOfInput, Tag("reasoning-item")],
    Discriminator(_kind_of_item),
]


def _messages(items: Sequence[MessageOfInput | ReasoningOfInput]) -> Iterator[dict[str, Any]]:
    return (item.for_chat() for item in items if isinstance(item, MessageOfInput))


class ResponsesRequest(BaseModel):
    """``POST /v1/responses``."""

    model_config = ConfigDict(extra="allow", strict=True)

    model: str | None = None
    input: str | Annotated[list[_ItemOfInput], Field(min_length=1, fail_fast=True)]
    instructions: str | None = None
    max_output_tokens: Count | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Share | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    stream: bool | None = None

    def chat(self) -> ChatCompletionRequest:
        """Return the same question as a chat.

        Raises:
            ApiError: 400 for a field that asks for something which is not built.
        """
        for name, value in (self.model_extra or {}).items():
            if value is not None and name not in NO_EFFECT and value not in HARMLESS.get(name, ()):
                message = f"{name} is not supported on {RESPONSES}"
                raise ApiError(400, message, param=name, code="unsupported_parameter")
        first = [{"role": "system", "content": self.instructions}] if self.instructions else []
        asked = self.input
        talk = [{"role": "user", "content": asked}] if isinstance(asked, str) else [*_messages(asked)]
        if not talk:
            raise ApiError(400, "input: there is no message in it", param="input", code="invalid_value")
        fields = {
            "messages": [*first, *talk],
            "model": self.model,
            "max_completion_tokens": self.max_output_tokens,
            "temperature": self.temperature,
            "top_p": self.top_p,
            "stream": self.stream,
            "response_format": self._response_format(),
            "reasoning_effort": self.reasoning.effort if self.reasoning else None,
            "chat_template_kwargs": self.chat_template_kwargs,
        }
        return ChatCompletionRequest.model_validate(
            {name: value for name, value in fields.items() if value is not None}
        )

    def _response_format(self) -> dict[str, Any] | None:
        form = self.text.format if self.text else None
        if form is None or form.type == "text":
            return None
        if form.type == "json_object":
            return {"type": "json_object"}
        return {"type": "json_schema", "json_schema": {"name": form.name, "schema": form.schema_}}
