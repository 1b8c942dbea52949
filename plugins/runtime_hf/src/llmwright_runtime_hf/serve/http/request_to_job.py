"""From a request to a Job: the model's name, the prompt as token ids, the limits, the sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2

from llmwright_runtime_hf.serve.engine.interface import Job, SamplingParams
from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.requests import AnyRequest, ChatCompletionRequest, CompletionRequest
from llmwright_runtime_hf.serve.serve_options import ServeOptions

if TYPE_CHECKING:
    from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel


def job_of_request(request: AnyRequest, model: str, loaded: LoadedModel) -> Job:
    """Return the job. Raises ApiError (400) for a prompt that cannot be tokenised or does not fit the context."""
    prompt = _tokens(request, loaded)
    return Job(
        model=model,
        prompt=tuple(prompt),
        max_tokens=_max_new_tokens(len(prompt), request.token_limit, loaded.context),
        stop=request.stop_strings,
        sampling=_sampling(request, loaded.sampling),
    )


def resolve_model(model: str | None, options: ServeOptions) -> str:
    """Return the served name for a request's ``model``. Raises ApiError (404), which lists the served names."""
    name = options.default_model if model is None else model
    if name not in options.model_names:
        known = ", ".join(options.model_names)
        raise ApiError(
            404, f"the model {name!r} is not served here; there are: {known}", param="model", code="model_not_found"
        )
    return name


def _tokens(request: AnyRequest, loaded: LoadedModel) -> list[int]:
    if isinstance(request, ChatCompletionRequest):
        return _chat_tokens([message.for_template() for message in request.messages], loaded)
    if isinstance(request, CompletionRequest):
        return _completion_tokens(request.prompt, loaded)
    if loaded.tokenizer.chat_template is None:
        return loaded.encode(request.prompt, special=True)
    return _chat_tokens([{"role": "user", "content": request.prompt}], loaded)


def _chat_tokens(messages: list[dict[str, Any]], loaded: LoadedModel) -> list[int]:
    if loaded.tokenizer.chat_template is None:
        raise ApiError(
            400,
            "this model has no chat template; use /v1/completions, or start the server with --chat-template",
            param="messages",
            code="no_chat_template",
        )
    try:
        text = loaded.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
        raise ApiError(400, f"the chat template refuses these messages: {error}", param="messages") from error
    return loaded.encode(str(text), special=False)


def _completion_tokens(prompt: str | list[str] | list[int], loaded: LoadedModel) -> list[int]:
    if isinstance(prompt, str):
        return loaded.encode(prompt, special=True)
    numbers = [part for part in prompt if isinstance(part, int)]
    if prompt and len(numbers) == len(prompt):
        return _known_tokens(numbers, loaded)
    if len(prompt) != 1:
        raise ApiError(400, f"one prompt per request, not {len(prompt)}", param="prompt", code="unsupported_parameter")
    return loaded.encode(str(prompt[0]), special=True)


def _known_tokens(tokens: list[int], loaded: LoadedModel) -> list[int]:
    size = loaded.model.config.get_text_config().vocab_size
    unknown = next((token for token in tokens if not 0 <= token < size), None)
    if unknown is not None:
        # A GPU reports an index outside the embedding as a device-side assert, which breaks the whole process.
        raise ApiError(400, f"token id {unknown} is not in the vocabulary of {size}", param="prompt")
    return tokens


def _max_new_tokens(prompt: int, limit: int | None, context: int) -> int:
    """Return the most tokens to generate. Raises ApiError (400) with the numbers if prompt and answer do not fit."""
    if prompt == 0:
        raise ApiError(400, "the prompt is empty", param="prompt", code="invalid_value")
    room = context - prompt
    if room < 1 or (limit or 0) > room:
        excess = f" and max_tokens asks for {limit} more" if limit is not None and room >= 1 else ""
        raise ApiError(
            400,
            f"the context is {context} tokens long; the prompt has {prompt}{excess}",
            param="max_tokens" if excess else "prompt",
            code="context_length_exceeded",
        )
    return room if limit is None else limit


def _sampling(request: AnyRequest, default: SamplingParams) -> SamplingParams:
    """Return the request's own values, and those of the model's ``generation_config.json`` for absent fields."""
    return SamplingParams(
        temperature=default.temperature if request.temperature is None else request.temperature,
        top_p=default.top_p if request.top_p is None else request.top_p,
        top_k=default.top_k if request.top_k is None else request.top_k,
        repetition_penalty=default.repetition_penalty,
        seed=request.seed,
    )
