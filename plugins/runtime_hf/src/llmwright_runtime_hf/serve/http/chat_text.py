"""The text that a chat template makes of a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2

from llmwright.values.messages import render
from llmwright_runtime_hf.serve.engine.thinking import EFFORT, SWITCH
from llmwright_runtime_hf.serve.http.messages import messages_for_template, refuse_dropped, without_double_reasoning
from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.requests import AnyRequest, ChatCompletionRequest, PromptRequest

if TYPE_CHECKING:
    from llmwright_runtime_hf.serve.engine.chat_template import ChatTemplate
    from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel

# What transformers gives to each template, and arguments of its own function: a request must not set them.
_RESERVED = frozenset(
    {
        *("self", "conversation", "messages", "tools", "documents", "chat_template", "add_generation_prompt"),
        *("continue_final_message", "tokenize", "padding", "truncation", "max_length", "return_tensors"),
        *("return_dict", "return_assistant_tokens_mask", "tokenizer_kwargs", "sanitize_control_tokens"),
    }
)

_CHANNEL_EFFORTS = ("low", "medium", "high")
"""The words that gpt-oss was trained with (its model card)."""


def chat_text(request: AnyRequest, loaded: LoadedModel, template: ChatTemplate | None) -> str:
    """Return the prompt. Raises ApiError (400) without a template, and where the template refuses the messages."""
    if template is None:
        raise ApiError(
            400,
            "this model has no chat template; use /v1/completions, or start the server with --chat-template",
            param="messages",
            code="no_chat_template",
        )
    options: dict[str, Any] = {"add_generation_prompt": True}
    if isinstance(request, ChatCompletionRequest):
        messages = without_double_reasoning(messages_for_template(request.messages), template.text)
        options = _options(request, loaded, template)
    else:
        assert isinstance(request, PromptRequest)
        messages = [{"role": "user", "content": request.prompt}]

    def rendered(plain: list[dict[str, Any]]) -> str:
        return _rendered(loaded, template, plain, options)

    try:
        text = rendered(messages)
        if options.get("tools"):
            _refuse_dropped_tools(text, _rendered(loaded, template, messages, {**options, "tools": None}))
        refuse_dropped(messages, template.text, text, rendered)
        return text
    except (MemoryError, ApiError):
        raise
    except Exception as error:
        # A template runs any expression, and fails with the error of any: a division by zero, a missing method.
        first = str(error).partition("\n")[0]
        if not isinstance(error, jinja2.TemplateError):
            first = f"{type(error).__name__}: {first}"
        raise ApiError(400, f"the chat template refuses these messages: {first}", param="messages") from error


def _rendered(loaded: LoadedModel, template: ChatTemplate, plain: list[dict[str, Any]], options: dict[str, Any]) -> str:
    def apply(messages: list[dict[str, Any]]) -> str:
        text = loaded.tokenizer.apply_chat_template(messages, chat_template=template.text, tokenize=False, **options)
        return str(text)

    return render(apply, plain, template.text)


def _refuse_dropped_tools(text: str, without: str) -> None:
    """Raise ApiError (400) where a template writes the same text ``without`` tools: the model would not see them."""
    if text == without:
        message = "tools: the chat template of this model does not write them"
        raise ApiError(400, message, param="tools", code="unsupported_parameter")


def _options(request: ChatCompletionRequest, loaded: LoadedModel, template: ChatTemplate) -> dict[str, Any]:
    variables = request.chat_template_kwargs or {}
    reserved = sorted(_RESERVED.intersection(variables))
    if reserved:
        name = f"chat_template_kwargs.{reserved[0]}"
        raise ApiError(400, f"{name} is not supported", param=name, code="unsupported_parameter")
    goes_on = bool(request.continue_final_message)
    prompted = not goes_on if request.add_generation_prompt is None else request.add_generation_prompt
    tools = [tool.for_template() for tool in request.tools or ()] or None
    own = {"tools": tools, "add_generation_prompt": prompted, "continue_final_message": goes_on}
    return {**template_variables(request, loaded, template), **own}


def template_variables(request: AnyRequest, loaded: LoadedModel, template: ChatTemplate | None) -> dict[str, Any]:
    """Return the variables that a request gives to the template. Raises ApiError (400) for an effort unread."""
    if template is None or not isinstance(request, ChatCompletionRequest):
        return {}
    return {**_effort(request.reasoning_effort, loaded, template), **(request.chat_template_kwargs or {})}


def _effort(asked: str | None, loaded: LoadedModel, template: ChatTemplate) -> dict[str, Any]:
    """Return the variables that say how much to reason, as vLLM gives them: an effort, and whether there is any.

    Raises ApiError (400) where the model would not be told.
    """
    if asked is None:
        return {}
    given = {EFFORT: asked, SWITCH: asked != "none"}
    read = {name: value for name, value in given.items() if name in template.text}
    if not read:
        message = f"{EFFORT}: the chat template of this model does not read it (see `chat_template_kwargs`)"
        raise ApiError(400, message, param=EFFORT, code="unsupported_parameter")
    if loaded.channel_tokens.marks and asked not in _CHANNEL_EFFORTS:
        message = f"{EFFORT}: this model knows {', '.join(_CHANNEL_EFFORTS)}, not {asked}"
        raise ApiError(400, message, param=EFFORT, code="invalid_value")
    return read
