"""Which format a request is answered in."""

from __future__ import annotations

from llmwright_runtime_hf.serve.http.calls.call_formats import FORMATS
from llmwright_runtime_hf.serve.http.chat_format import ChatCompletionFormat
from llmwright_runtime_hf.serve.http.job_batch import JobBatch
from llmwright_runtime_hf.serve.http.requests import AnyRequest, ChatCompletionRequest, CompletionRequest
from llmwright_runtime_hf.serve.http.responses import (
    CompletionFormat,
    PromptFormat,
    ResponseFormat,
)
from llmwright_runtime_hf.tool_parsers import CHANNELS


def format_of(request: AnyRequest, model: str, batch: JobBatch, parser: str | None) -> ResponseFormat:
    """Return the format of the request's route; ``model`` is the served name that answers.

    ``parser`` names the format of the model's tool calls.
    """
    logprobs = request.scores is not None
    if isinstance(request, ChatCompletionRequest):
        return ChatCompletionFormat(
            model,
            logprobs,
            parser=parser if request.reads_calls and parser in FORMATS else None,
            parameters=request.tool_parameters,
            calls=request.reads_calls and parser == CHANNELS,
            reasoning=request.include_reasoning is not False,
        )
    if isinstance(request, CompletionRequest):
        return CompletionFormat(model, logprobs, dict(enumerate(batch.echoes)))
    return PromptFormat(model, request.prompt if request.return_full_text else "")
