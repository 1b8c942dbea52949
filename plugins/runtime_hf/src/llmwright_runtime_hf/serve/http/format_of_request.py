"""Which format a request is answered in."""

from __future__ import annotations

from llmwright_runtime_hf.serve.http.chat_format import ChatCompletionFormat
from llmwright_runtime_hf.serve.http.job_batch import JobBatch
from llmwright_runtime_hf.serve.http.requests import AnyRequest, ChatCompletionRequest, CompletionRequest
from llmwright_runtime_hf.serve.http.responses import (
    CompletionFormat,
    PromptFormat,
    ResponseFormat,
)


def format_of(request: AnyRequest, model: str, batch: JobBatch, parser: str | None) -> ResponseFormat:
    """Return the format of the request's route; ``model`` is the served name that answers.

    ``parser`` names the format of the model's tool calls.
    """
    logprobs = request.scores is not None
    if isinstance(request, ChatCompletionRequest):
        parser = parser if request.reads_calls else None
        return ChatCompletionFormat(model, logprobs, parser, request.tool_parameters)
    if isinstance(request, CompletionRequest):
        return CompletionFormat(model, logprobs, dict(enumerate(batch.echoes)))
    return PromptFormat(model, request.prompt if request.return_full_text else "")
