"""The fields of request bodies. An unknown field is refused if it would change the answer, and ignored if not."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from llmwright_runtime_hf.serve.http.openai_errors import ApiError

_MAX_STOPS = 16
_INT64 = 2**63

# OpenAI's fields that this server does not implement, and the values that ask for nothing.
_WITHOUT_EFFECT: dict[str, tuple[object, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "echo": (False,),
    "logprobs": (False,),
    "top_logprobs": (),
    "logit_bias": ({},),
    "frequency_penalty": (0, 0.0),
    "presence_penalty": (0, 0.0),
    "suffix": ("",),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "audio": (),
}


class StreamOptions(BaseModel):
    """``include_usage`` adds a chunk with the token counts before the end of the stream."""

    include_usage: bool = False


class _GenerationRequest(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)

    model: str | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    seed: Annotated[int, Field(ge=-_INT64, lt=_INT64)] | None = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @field_validator("stop")
    @classmethod
    def _usable_stops(cls, stop: str | list[str] | None) -> str | list[str] | None:
        strings = [stop] if isinstance(stop, str) else stop or []
        if "" in strings:
            raise ValueError("a stop string is empty")
        if len(strings) > _MAX_STOPS:
            raise ValueError(f"at most {_MAX_STOPS} stop strings")
        return stop

    @property
    def stop_strings(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    @property
    def token_limit(self) -> int | None:
        """The most tokens to generate; None: as many as the context has room for."""
        return self.max_tokens

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and self.stream_options.include_usage


class TextPart(BaseModel):
    """One part of a message's content; only text is supported."""

    type: Literal["text"]
    text: str


class Message(BaseModel):
    """One message of a conversation. Other fields (``name``, ``tool_calls``) go to the chat template unchanged."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None

    def for_template(self) -> dict[str, Any]:
        content = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content or ())
        return {**(self.model_extra or {}), "role": self.role, "content": content}


class ChatCompletionRequest(_GenerationRequest):
    """``POST /v1/chat/completions``."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None

    @property
    def token_limit(self) -> int | None:
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens


class CompletionRequest(_GenerationRequest):
    """``POST /v1/completions``. ``prompt``: a text, a list of one text, or token ids."""

    prompt: str | list[str] | list[int]

    @property
    def token_limit(self) -> int | None:
        """16 by default, as in OpenAI's API."""
        return 16 if self.max_tokens is None else self.max_tokens


class PromptRequest(_GenerationRequest):
    """``POST /chat``."""

    prompt: str


AnyRequest = ChatCompletionRequest | CompletionRequest | PromptRequest


def reject_unsupported_fields(request: AnyRequest) -> None:
    """Raise ApiError (400) for a field that asks for something this server does not implement."""
    for name, value in (request.model_extra or {}).items():
        allowed = _WITHOUT_EFFECT.get(name)
        # The types are compared too: False == 0 in Python, and ``logprobs: 0`` does ask for log probabilities.
        if allowed is None or value is None or any(value == ok and type(value) is type(ok) for ok in allowed):
            continue
        only = f"; only {name}={allowed[0]!r} is" if allowed else ""
        raise ApiError(400, f"{name} is not supported{only}", param=name, code="unsupported_parameter")
    if request.stream_options is not None and not request.stream:
        raise ApiError(400, "stream_options is for stream=true", param="stream_options", code="invalid_value")
