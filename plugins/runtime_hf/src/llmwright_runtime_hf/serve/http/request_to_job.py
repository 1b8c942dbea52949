"""From a request to a Job: names, token ids, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2

from llmwright_runtime_hf.serve.engine.interface import Job, Sampling
from llmwright_runtime_hf.serve.http.openai_errors import Refusal
from llmwright_runtime_hf.serve.http.requests import ChatCompletionRequest, CompletionRequest, PromptRequest
from llmwright_runtime_hf.serve.serve_options import ServeOptions

if TYPE_CHECKING:
    from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel

AnyRequest = ChatCompletionRequest | CompletionRequest | PromptRequest


def job_for(request: AnyRequest, model: str, loaded: LoadedModel) -> Job:
    """Tokenise and check. Raises Refusal (400) for what cannot be tokenised or does not fit the context."""
    prompt = _tokens(request, loaded)
    return Job(
        model=model,
        prompt=tuple(prompt),
        max_tokens=_room(len(prompt), request.token_limit, loaded.context),
        stop=request.stops,
        sampling=_sampling(request, loaded.sampling),
    )


def resolve_model(asked: str | None, options: ServeOptions) -> str:
    """The served name that a request means. Raises Refusal (404) naming those there are."""
    name = options.default_model if asked is None else asked
    if name not in options.model_names:
        known = ", ".join(options.model_names)
        raise Refusal(
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
        raise Refusal(
            400,
            "this model has no chat template; use /v1/completions, or start the server with --chat-template",
            param="messages",
            code="no_chat_template",
        )
    try:
        text = loaded.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    except (jinja2.TemplateError, TypeError, ValueError, KeyError) as error:
        raise Refusal(400, f"the chat template refuses these messages: {error}", param="messages") from error
    return loaded.encode(str(text), special=False)


def _completion_tokens(prompt: str | list[str] | list[int], loaded: LoadedModel) -> list[int]:
    if isinstance(prompt, str):
        return loaded.encode(prompt, special=True)
    numbers = [part for part in prompt if isinstance(part, int)]
    if prompt and len(numbers) == len(prompt):
        return _known_tokens(numbers, loaded)
    if len(prompt) != 1:
        raise Refusal(400, f"one prompt per request, not {len(prompt)}", param="prompt", code="unsupported_parameter")
    return loaded.encode(str(prompt[0]), special=True)


def _known_tokens(tokens: list[int], loaded: LoadedModel) -> list[int]:
    size = loaded.model.config.get_text_config().vocab_size
    strange = next((token for token in tokens if not 0 <= token < size), None)
    if strange is not None:
        raise Refusal(400, f"token id {strange} is not in the vocabulary of {size}", param="prompt")
    return tokens


def _room(prompt: int, asked: int | None, context: int) -> int:
    """The most tokens to generate. Raises Refusal (400) with the numbers when prompt and answer do not fit."""
    if prompt == 0:
        raise Refusal(400, "the prompt is empty", param="prompt", code="invalid_value")
    room = context - prompt
    if room < 1 or (asked or 0) > room:
        wanted = f" and max_tokens asks for {asked} more" if asked is not None and room >= 1 else ""
        raise Refusal(
            400,
            f"the context is {context} tokens long; the prompt has {prompt}{wanted}",
            param="max_tokens" if wanted else "prompt",
            code="context_length_exceeded",
        )
    return room if asked is None else asked


def _sampling(request: AnyRequest, default: Sampling) -> Sampling:
    """The request's own values; where it is silent, the model's ``generation_config.json``."""
    return Sampling(
        temperature=default.temperature if request.temperature is None else request.temperature,
        top_p=default.top_p if request.top_p is None else request.top_p,
        top_k=default.top_k if request.top_k is None else request.top_k,
        repetition_penalty=default.repetition_penalty,
        seed=request.seed,
    )
