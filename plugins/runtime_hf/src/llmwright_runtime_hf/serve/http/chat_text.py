"""The text that a chat template makes of a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2

from llmwright.values.messages import render
from llmwright_runtime_hf.serve.http.messages import messages_for_template, refuse_dropped
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
        messages = messages_for_template(request.messages)
        options = _options(request)
    else:
        assert isinstance(request, PromptRequest)
        messages = [{"role": "user", "content": request.prompt}]

    def apply(plain: list[dict[str, Any]]) -> str:
        text = loaded.tokenizer.apply_chat_template(plain, chat_template=template.text, tokenize=False, **options)
        return str(text)

    def rendered(plain: list[dict[str, Any]]) -> str:
        return render(apply, plain, template.text)

    try:
        text = rendered(messages)
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


def _options(request: ChatCompletionRequest) -> dict[str, Any]:
    variables = request.chat_template_kwargs or {}
    reserved = sorted(_RESERVED.intersection(variables))
    if reserved:
        name = f"chat_template_kwargs.{reserved[0]}"
        raise ApiError(400, f"{name} is not supported", param=name, code="unsupported_parameter")
    goes_on = bool(request.continue_final_message)
    prompted = not goes_on if request.add_generation_prompt is None else request.add_generation_prompt
    return {**variables, "add_generation_prompt": prompted, "continue_final_message": goes_on}
