"""From a request to a Job: the model's name, the prompt as token ids, the limits, the sampling."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from llmwright_runtime_hf.serve.engine.channels import CHANNEL
from llmwright_runtime_hf.serve.engine.guides import Guide, GuideRefusedError
from llmwright_runtime_hf.serve.engine.interface import Job, SamplingParams, TextRefusedError
from llmwright_runtime_hf.serve.engine.served_names import Names
from llmwright_runtime_hf.serve.engine.thinking import ThinkTokens
from llmwright_runtime_hf.serve.http.answer_shape import shape_of
from llmwright_runtime_hf.serve.http.calls.call_formats import FORMATS, CallFormat
from llmwright_runtime_hf.serve.http.calls.tool_grammar import grammar_of
from llmwright_runtime_hf.serve.http.chat_text import chat_text, template_variables
from llmwright_runtime_hf.serve.http.job_batch import JobBatch, job_batch
from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.prompt_length import refuse_many_tokens
from llmwright_runtime_hf.serve.http.requests import (
    AnyRequest,
    ChatCompletionRequest,
    CompletionRequest,
    PromptRequest,
)
from llmwright_runtime_hf.serve.http.tool_requests import refuse_wrong_tools
from llmwright_runtime_hf.tool_parsers import CHANNELS

if TYPE_CHECKING:
    from llmwright_runtime_hf.serve.engine.answer_parts import PartMarks
    from llmwright_runtime_hf.serve.engine.chat_template import ChatTemplate
    from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel

_MOVED = "force_nonempty_content"
"""A variable that no template reads: vLLM's parser of Nemotron then makes content of reasoning without any."""


def batch_of_request(
    request: AnyRequest, model: str, loaded: LoadedModel, cancelled: Callable[[], bool] = lambda: False
) -> JobBatch:
    """Return the jobs of all answers. Raises as ``job_of_request``, for the first prompt with a fault."""
    if not isinstance(request, CompletionRequest):
        return job_batch([job_of_request(request, model, loaded, cancelled)], request.choices)
    single = [request.model_copy(update={"prompt": prompt}) for prompt in request.prompts]
    jobs = [job_of_request(one, model, loaded, cancelled) for one in single]
    echoes = [one.prompt if isinstance(one.prompt, str) else loaded.decode(one.prompt) for one in single]
    return job_batch(jobs, request.n or 1, echoes if request.echo else ())


def job_of_request(
    request: AnyRequest, model: str, loaded: LoadedModel, cancelled: Callable[[], bool] = lambda: False
) -> Job:
    """Return the job for a request with one prompt.

    Raises:
        ApiError: 400 for a prompt that cannot be tokenised or does not fit the context, and for unknown tokens.
        ClientLeftError: ``cancelled()`` while a long prompt was read.
    """
    if isinstance(request, ChatCompletionRequest):
        refuse_wrong_tools(request, loaded.tool_call_parser)
    template = loaded.templates.get(model)
    ends = _end_tokens(request, loaded, model)
    sampling = _sampling(request, loaded, ends)
    prompt = _tokens(request, loaded, template, cancelled)
    parts = _parts(request, loaded, template)
    max_tokens = _max_new_tokens(len(prompt), request.token_limit(len(prompt)), loaded)
    min_tokens = request.min_tokens or 0
    if min_tokens > max_tokens:
        raise _wrong("min_tokens", f"{min_tokens} is above the limit of {max_tokens} tokens")
    asked = _guide(request, loaded)
    return Job(
        model=model,
        prompt=tuple(prompt),
        max_tokens=max_tokens,
        stop=request.stop_strings,
        end_tokens=ends,
        min_tokens=min_tokens,
        keep_stop=bool(request.include_stop_str_in_output),
        # No text of an answer shows special tokens, and one of them may begin a call, or stand in one.
        special=request.skip_special_tokens is False or _shows_calls(request, loaded),
        sampling=sampling,
        logprobs=request.scores,
        guide=asked.guide if asked else None,
        parts=parts,
        # The grammar of a call that is a message has what may come before it; any other shape is that of the content.
        guides_content=asked is not None and not (asked.is_call and loaded.tool_call_parser == CHANNELS),
    )


def _parts(request: AnyRequest, loaded: LoadedModel, template: ChatTemplate | None) -> PartMarks | None:
    """Return the marks between the parts of the answer; None where all of it is content.

    Raises ApiError (400) where reasoning is to be left out, or moved, and is not told apart so.
    """
    marks = loaded.part_marks
    leaves_out = isinstance(request, ChatCompletionRequest) and request.include_reasoning is False
    if leaves_out and (marks is None or marks.keeps_reasoning):
        message = "include_reasoning: the reasoning of this model is not told apart; only true is supported"
        raise ApiError(400, message, param="include_reasoning", code="unsupported_parameter")
    if not _is_templated(request, template):
        return None
    variables = template_variables(request, loaded, template)
    if isinstance(marks, ThinkTokens) and variables.get(_MOVED):
        name = f"chat_template_kwargs.{_MOVED}"
        raise ApiError(400, f"{name}: reasoning is not moved into the content here", param=name, code="invalid_value")
    return loaded.part_marks_under(variables)


def resolve_model(model: str | None, names: Names) -> str:
    """Return the served name for a request's ``model``. Raises ApiError (404), which lists the served names."""
    name = names.default_model if model is None else model
    if name not in names.model_names:
        known = ", ".join(names.model_names)
        raise ApiError(
            404, f"the model {name!r} is not served here; there are: {known}", param="model", code="model_not_found"
        )
    return name


def _tokens(
    request: AnyRequest, loaded: LoadedModel, template: ChatTemplate | None, cancelled: Callable[[], bool]
) -> list[int]:
    if isinstance(request, CompletionRequest) and not isinstance(request.prompt, str):
        ids = _token_ids(request.prompt)
        if ids is not None:
            return _known_tokens(ids, loaded, "prompt")
    templated = _is_templated(request, template)
    text = chat_text(request, loaded, template) if templated else _plain_text(request)
    # A chat template writes the special tokens itself.
    special = request.add_special_tokens
    try:
        refuse_many_tokens(text, loaded, cancelled)
        return loaded.encode(text, special=not templated if special is None else special)
    except TextRefusedError as error:
        raise _wrong("messages" if templated else "prompt", str(error)) from error


def _is_templated(request: AnyRequest, template: ChatTemplate | None) -> bool:
    return isinstance(request, ChatCompletionRequest) or (isinstance(request, PromptRequest) and template is not None)


def _plain_text(request: AnyRequest) -> str:
    assert not isinstance(request, ChatCompletionRequest)
    return request.prompt if isinstance(request.prompt, str) else str(request.prompt[0])


def _token_ids(prompt: list[Any]) -> list[int] | None:
    """Return the ids of a prompt that is given as token ids, also as a list of one list; None for texts."""
    if len(prompt) == 1 and isinstance(prompt[0], list):
        return list(prompt[0])
    return prompt if not prompt or isinstance(prompt[0], int) else None


def _known_tokens(tokens: Iterable[int], loaded: LoadedModel, param: str) -> list[int]:
    known = list(tokens)
    unknown = next((token for token in known if not 0 <= token < loaded.vocabulary), None)
    if unknown is not None:
        # A GPU reports an index outside the embedding as a device-side assert, which breaks the whole process.
        raise _wrong(param, f"token id {unknown} is not in the vocabulary of {loaded.vocabulary}")
    return known


def _end_tokens(request: AnyRequest, loaded: LoadedModel, model: str) -> frozenset[int]:
    template = loaded.templates.get(model)
    own = request.eos_token_id if isinstance(request, PromptRequest) else None
    templated = template is not None and _is_templated(request, template)
    usual = loaded.end_tokens | loaded.own_ends.get(model, frozenset())
    usual |= template.end_tokens if template is not None and templated else frozenset()
    if template is not None and templated and loaded.channel_tokens.marks and CHANNEL in template.text:
        # Such a template may end an answer by the mark that also ends reasoning: the answer goes on after that.
        usual = (usual - loaded.channel_tokens.others) | loaded.channel_tokens.turn_ends
    given = [own] if isinstance(own, int) else own or ()
    ends = usual if own is None else frozenset(_known_tokens(given, loaded, "eos_token_id"))
    further = [*_known_tokens(request.stop_token_ids or (), loaded, "stop_token_ids"), *_special_stops(request, loaded)]
    return frozenset(further) if request.ignore_eos else ends.union(further)


def _special_stops(request: AnyRequest, loaded: LoadedModel) -> list[int]:
    """Return the special tokens among the stop strings: no text of an answer shows those, and none is found there.

    Where calls are read, so do those that stand in the place of a tool's answer.
    """
    form = _call_format(request, loaded)
    named = (*request.stop_strings, *(form.stops if form else ()))
    tokens = {token for text in named if (token := loaded.special_token(text)) is not None}
    if isinstance(request, CompletionRequest):
        return [*tokens]
    if isinstance(loaded.part_marks, ThinkTokens):
        tokens |= {token for token, mark in loaded.part_marks.marks.items() if mark in named}
    # The marks of channels are no part of the text in which stop strings are sought.
    return [*tokens - loaded.channel_tokens.others]


def _max_new_tokens(prompt: int, limit: int | None, loaded: LoadedModel) -> int:
    """Return the most tokens to generate. Raises ApiError (400) with the numbers if prompt and answer do not fit."""
    if prompt == 0:
        raise ApiError(400, "the prompt is empty", param="prompt", code="invalid_value")
    context = loaded.context
    room = context - prompt
    if limit is not None and limit < 1:
        raise _wrong("max_length", f"the prompt alone has {prompt} tokens")
    if room < 1 or (limit or 0) > room:
        excess = f" and max_tokens asks for {limit} more" if limit is not None and room >= 1 else ""
        raise ApiError(
            400,
            f"the context is {context} tokens long; the prompt has {prompt}{excess}",
            param="max_tokens" if excess else "prompt",
            code="context_length_exceeded",
        )
    return min(room, loaded.defaults.max_tokens or room) if limit is None else limit


def _sampling(request: AnyRequest, loaded: LoadedModel, ends: frozenset[int]) -> SamplingParams:
    """Return the request's own values, and those of the model's ``generation_config.json`` for absent fields."""
    allowed = tuple(sorted(set(_known_tokens(request.allowed_token_ids or (), loaded, "allowed_token_ids"))))
    if allowed and request.min_tokens and ends.issuperset(allowed):
        raise _wrong("allowed_token_ids", "only end tokens are allowed, and min_tokens forbids them")
    bias = request.logit_bias or {}
    _known_tokens(bias, loaded, "logit_bias")
    asked: dict[str, Any] = {
        "temperature": _temperature(request, loaded),
        "top_p": request.top_p,
        "top_k": None if request.top_k is None else max(request.top_k, 0),
        "min_p": request.min_p,
        "typical_p": request.typical_p if isinstance(request, PromptRequest) else None,
        "no_repeat_ngram": request.no_repeat_ngram_size if isinstance(request, PromptRequest) else None,
        "repetition_penalty": request.repetition_penalty,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
        "seed": request.seed,
    }
    values = {name: value for name, value in asked.items() if value is not None}
    return replace(loaded.sampling, **values, bias=tuple(bias.items()), allowed=allowed)


def _temperature(request: AnyRequest, loaded: LoadedModel) -> float | None:
    """Return the temperature that is asked for; None for the model's own. ``do_sample`` is as in transformers."""
    if not isinstance(request, PromptRequest) or request.do_sample is None:
        return request.temperature
    if not request.do_sample:
        return 0.0
    return loaded.defaults.sampled_temperature if request.temperature is None else request.temperature


@dataclass(frozen=True, slots=True)
class _Shape:
    """The shape of an answer; ``is_call``: a call that has to be made."""

    guide: Guide
    is_call: bool


def _guide(request: AnyRequest, loaded: LoadedModel) -> _Shape | None:
    """Return the shape of the answer. Raises ApiError (400) with the path in it."""
    asked = shape_of(request)
    if isinstance(request, ChatCompletionRequest) and request.demanded and loaded.tool_call_parser:
        if asked:
            raise _wrong("tool_choice", f"it and {asked[0]} both ask for a shape")
        tools, several = request.demanded, request.several_calls
        asked = "tools", grammar_of(tools, loaded.tool_call_parser, several=several, special=loaded.token_of_grammar)
    if asked is None:
        return None
    path, source = asked
    try:
        return _Shape(loaded.guides.compile(source), is_call=path == "tools")
    except GuideRefusedError as error:
        raise _wrong(".".join((path, *error.path)), str(error)) from error


def _call_format(request: AnyRequest, loaded: LoadedModel) -> CallFormat | None:
    """Return the form of the calls that the answer may hold."""
    if not isinstance(request, ChatCompletionRequest) or not request.reads_calls or not loaded.tool_call_parser:
        return None
    return FORMATS.get(loaded.tool_call_parser)


def _shows_calls(request: AnyRequest, loaded: LoadedModel) -> bool:
    """Whether calls are read, and special tokens of the model stand in them."""
    form = _call_format(request, loaded)
    return form is not None and any(loaded.special_token(mark) is not None for mark in form.marks)


def _wrong(param: str, message: str) -> ApiError:
    return ApiError(400, f"{param}: {message}", param=param, code="invalid_value")
