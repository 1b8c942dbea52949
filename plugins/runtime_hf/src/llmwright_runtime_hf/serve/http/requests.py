"""The fields of request bodies. Each is honoured or refused by its name (``request_fields``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    field_validator,
    model_validator,
)

from llmwright_runtime_hf.serve.engine.interface import LEAST_PENALTY
from llmwright_runtime_hf.serve.http.answer_shape import ShapedRequest
from llmwright_runtime_hf.serve.http.messages import Message
from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.prompt_forms import checked_prompt, prompts_of
from llmwright_runtime_hf.serve.http.request_fields import (
    CHAT,
    CHAT_COMPLETIONS,
    COMPLETIONS,
    GENERATE_FIELDS,
    GENERATE_NAMES,
    PREFIX,
    reject_field,
)
from llmwright_runtime_hf.serve.http.tool_requests import ToolsRequest

_MAX_STOPS = 16
_MAX_STOP_CHARACTERS = 1024
_INT64 = 2**63

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Penalty = Annotated[float, Field(ge=-2, le=2, allow_inf_nan=False)]
Token = Annotated[int, Field(ge=0, lt=_INT64)]
Count = Annotated[int, Field(ge=1)]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""OpenAI's words and vLLM's."""
Scores = Annotated[int, Field(ge=0, le=20)]
"""The most that OpenAI's chats give (20), and vLLM's default."""


def _tokens_of_bias(value: object, handler: ValidatorFunctionWrapHandler) -> dict[int, float]:
    if not isinstance(value, dict) or not all(isinstance(key, str) and _is_token(key) for key in value):
        raise ValueError("its keys are token ids")
    if len({int(key) for key in value}) < len(value):
        raise ValueError("a token stands twice")
    biases: dict[int, float] = handler({int(key): bias for key, bias in value.items()})
    return biases


def _is_token(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


class StreamOptions(BaseModel):
    """``include_usage`` adds a chunk with the token counts before the end of the stream."""

    model_config = ConfigDict(extra="allow", strict=True)

    include_usage: bool | None = None
    include_obfuscation: bool | None = None
    """No effect: nothing is added to a chunk."""


class _GenerationRequest(ShapedRequest):
    model_config = ConfigDict(extra="allow", strict=True)

    route: ClassVar[str]

    model: str | None = None
    max_tokens: Count | None = None
    min_tokens: Annotated[int, Field(ge=0)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Field(ge=-1, lt=_INT64)] | None = None
    min_p: Share | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)] | None = None
    frequency_penalty: Penalty | None = None
    presence_penalty: Penalty | None = None
    logit_bias: (
        Annotated[
            dict[int, Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)]], WrapValidator(_tokens_of_bias)
        ]
        | None
    ) = None
    allowed_token_ids: Annotated[list[Token], Field(min_length=1, fail_fast=True)] | None = None
    seed: Annotated[int, Field(ge=-_INT64, lt=_INT64)] | None = None
    stop: str | Annotated[list[str], Field(fail_fast=True)] | None = None
    stop_token_ids: Annotated[list[Token], Field(fail_fast=True)] | None = None
    ignore_eos: bool | None = None
    include_stop_str_in_output: bool | None = None
    skip_special_tokens: bool | None = None
    add_special_tokens: bool | None = None
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
        if any(len(string) > _MAX_STOP_CHARACTERS for string in strings):
            raise ValueError(f"a stop string has at most {_MAX_STOP_CHARACTERS} characters")
        return stop

    @field_validator("repetition_penalty")
    @classmethod
    def _usable_penalty(cls, penalty: float | None) -> float | None:
        if penalty is not None and penalty < LEAST_PENALTY:
            raise ValueError(f"logits are divided by it, and cannot be by less than {LEAST_PENALTY}")
        return penalty

    @property
    def stop_strings(self) -> tuple[str, ...]:
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())

    def token_limit(self, prompt: int) -> int | None:
        """The most tokens to generate after ``prompt`` tokens; None: as many as the context has room for."""
        return self.max_tokens

    @property
    def scores(self) -> int | None:
        """The number of likeliest tokens whose log-probabilities come with each token; None without any."""
        return None

    @property
    def choices(self) -> int:
        """The number of answers."""
        return 1

    @property
    def wants_usage(self) -> bool:
        return self.stream_options is not None and bool(self.stream_options.include_usage)


class ChatCompletionRequest(_GenerationRequest, ToolsRequest):
    """``POST /v1/chat/completions``."""

    route = CHAT_COMPLETIONS

    messages: Annotated[list[Message], Field(min_length=1, fail_fast=True)]
    max_completion_tokens: Count | None = None
    n: Count | None = None
    logprobs: bool | None = None
    top_logprobs: Scores | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    include_reasoning: bool | None = None
    reasoning_effort: Effort | None = None

    @model_validator(mode="after")
    def _one_end(self) -> ChatCompletionRequest:
        if self.continue_final_message and self.add_generation_prompt:
            message = "continue_final_message: it and add_generation_prompt cannot both be true"
            raise ApiError(400, message, param="continue_final_message", code="invalid_value")
        return self

    def token_limit(self, prompt: int) -> int | None:
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @model_validator(mode="after")
    def _scores_are_asked(self) -> ChatCompletionRequest:
        if self.top_logprobs and not self.logprobs:
            message = "top_logprobs: it is for logprobs=true"
            raise ApiError(400, message, param="top_logprobs", code="invalid_value")
        return self

    @property
    def scores(self) -> int | None:
        return (self.top_logprobs or 0) if self.logprobs else None

    @property
    def choices(self) -> int:
        return self.n or 1


class CompletionRequest(_GenerationRequest):
    """``POST /v1/completions``. ``prompt``: a text, token ids, or a list of either; each gets answers of its own."""

    route = COMPLETIONS

    prompt: Annotated[Any, BeforeValidator(checked_prompt)]
    n: Count | None = None
    echo: bool | None = None
    logprobs: Annotated[Scores | None, BeforeValidator(lambda value: None if value is False else value)] = None

    @model_validator(mode="after")
    def _scores_are_of_answers(self) -> CompletionRequest:
        if self.echo and self.logprobs is not None:
            message = "echo: prompts have no log-probabilities here, so that it cannot be given with logprobs"
            raise ApiError(400, message, param="echo", code="unsupported_parameter")
        return self

    @property
    def prompts(self) -> list[str | list[int]]:
        """The prompts, each a text or token ids."""
        return prompts_of(self.prompt)

    @property
    def scores(self) -> int | None:
        return self.logprobs

    @property
    def choices(self) -> int:
        return len(self.prompts) * (self.n or 1)

    def token_limit(self, prompt: int) -> int | None:
        """16 by default, as in OpenAI's API."""
        return 16 if self.max_tokens is None else self.max_tokens

    @property
    def characters(self) -> int:
        """Characters of the longest prompt; of token ids as many as there are ids."""
        return max(map(len, self.prompts), default=0)


class PromptRequest(_GenerationRequest):
    """``POST /chat``. ``generate_kwargs`` holds fields under the names of transformers' ``generate``."""

    route = CHAT

    prompt: str
    return_full_text: bool | None = None
    do_sample: bool | None = None
    max_length: Count | None = None
    typical_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    no_repeat_ngram_size: Annotated[int, Field(ge=0, lt=_INT64)] | None = None
    eos_token_id: Token | Annotated[list[Token], Field(fail_fast=True)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_generate_kwargs(cls, body: Any) -> Any:
        if not isinstance(body, Mapping):
            return body
        dotted = next((name for name in body if name.startswith(PREFIX)), None)
        if dotted is not None:
            # Below, such a name is one of a field in ``generate_kwargs``.
            raise ApiError(400, f"{dotted} is no field that is known here", param=dotted, code="unknown_parameter")
        if body.get("generate_kwargs") is None:
            return body
        options = body["generate_kwargs"]
        if not isinstance(options, Mapping):
            raise ApiError(400, "generate_kwargs: must be an object", param="generate_kwargs", code="invalid_value")
        fields = {name: value for name, value in body.items() if name != "generate_kwargs"}
        for name, value in options.items():
            rule = GENERATE_FIELDS.get(name)
            honoured = rule is not None and rule.effect == "honoured"
            field = GENERATE_NAMES.get(name, name) if honoured else PREFIX + name
            if value is not None and fields.get(field) is not None and fields[field] != value:
                message = f"{PREFIX}{name}: {field} is given twice, with two values"
                raise ApiError(400, message, param=PREFIX + name, code="invalid_value")
            fields[field] = fields.get(field) if value is None else value
        return fields

    def token_limit(self, prompt: int) -> int | None:
        if self.max_tokens is None and self.max_length is not None:
            return self.max_length - prompt
        return self.max_tokens

    @property
    def characters(self) -> int:
        return len(self.prompt)


AnyRequest = ChatCompletionRequest | CompletionRequest | PromptRequest


def reject_unsupported_fields(request: AnyRequest) -> None:
    """Raise ApiError (400) for a field that asks for something this server does not implement."""
    for name, value in (request.model_extra or {}).items():
        reject_field(name, value, request.route)
    options = request.stream_options
    asked = [name for name, value in ((options.model_extra if options else None) or {}).items() if value]
    if asked:
        raise ApiError(
            400, f"stream_options.{asked[0]} is not supported", param="stream_options", code="unsupported_parameter"
        )
    if options is not None and not request.stream:
        raise ApiError(400, "stream_options is for stream=true", param="stream_options", code="invalid_value")


def refuse_many_choices(request: AnyRequest, most: int) -> None:
    """Raise ApiError (400) for more than ``most`` answers, all prompts together."""
    if request.choices > most:
        asked = f"{request.choices} answers are asked for"
        message = f"n: {asked}, and at most {most} are generated for one request (--max-n-sequences)"
        raise ApiError(400, message, param="n", code="invalid_value")
