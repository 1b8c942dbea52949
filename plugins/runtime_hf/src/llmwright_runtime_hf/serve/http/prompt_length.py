"""A prompt that cannot fit the context is refused before the work of tokenising it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.requests import AnyRequest, ChatCompletionRequest, CompletionRequest

if TYPE_CHECKING:
    from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel

_PART_CHARACTERS = 64 * 1024
_SLACK = 1.1


class ClientLeftError(Exception):
    """The client has gone, and nobody would read what its prompt becomes."""


def check_length(request: AnyRequest, loaded: LoadedModel) -> int:
    """Return the length of the prompt, or of all prompts, in characters.

    Raises:
        ApiError: 400 for more characters than the context's tokens can stand for, or more messages than tokens.
    """
    if isinstance(request, ChatCompletionRequest):
        param, length = "messages", sum(message.characters for message in request.messages)
        if len(request.messages) > loaded.context:
            raise _too_long(f"{len(request.messages)} messages are more than its tokens", loaded, param)
    else:
        param, length = "prompt", request.characters
    if length > loaded.most_characters:
        most = loaded.most_characters
        raise _too_long(f"{param} has {length} characters, and no more than {most} can be in it", loaded, param)
    return sum(map(len, request.prompts)) if isinstance(request, CompletionRequest) else length


def refuse_many_tokens(text: str, loaded: LoadedModel, cancelled: Callable[[], bool]) -> None:
    """Count the tokens of a long text part by part, and stop as soon as they are clearly too many.

    Cutting a text changes few tokens, so that the sum is close; the exact count follows for a text that may fit.

    Raises:
        ApiError: 400, the text does not fit the context.
        ClientLeftError: ``cancelled()`` between two parts.
    """
    if len(text) <= _PART_CHARACTERS:
        return
    tokens = 0
    for start in range(0, len(text), _PART_CHARACTERS):
        if cancelled():
            raise ClientLeftError
        tokens += len(loaded.encode(text[start : start + _PART_CHARACTERS], special=False))
        if tokens > _SLACK * loaded.context:
            raise _too_long(f"the prompt has over {tokens}", loaded, "prompt")


def _too_long(excess: str, loaded: LoadedModel, param: str) -> ApiError:
    return ApiError(
        400,
        f"the context is {loaded.context} tokens long; {excess}",
        param=param,
        code="context_length_exceeded",
    )
