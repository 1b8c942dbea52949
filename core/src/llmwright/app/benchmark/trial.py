"""Trial requests before the measurement: which fields the server takes, and how many words make a prompt's tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import cycle

from llmwright.app.benchmark.record import NO_CONNECTION, Failure, Record
from llmwright.app.benchmark.request import REFUSALS, Dialect, Request, make_request, narrower
from llmwright.app.benchmark.synthetic_prompts import best_trial, next_trial, texts
from llmwright.app.benchmark.workload import Prompt, Workload
from llmwright.errors import ConfigError, LLMwrightError, TargetError

Send = Callable[[Request], Awaitable[Record]]
"""Sends one request, and returns what came back."""

TRIAL_TOKENS = 2
TRIES = 4
BUSY = frozenset({429, 503})
PAUSE_S = 0.25
"""Before a second try at a busy server; twice as long before each further one."""


@dataclass(frozen=True, slots=True)
class Trial:
    """The lessons of the trial requests: the fields that the server takes, and the words of a prompt.

    ``input_tokens`` are the tokens of a prompt of ``words`` words, None where the server does not count them.
    """

    dialect: Dialect
    words: int
    input_tokens: int | None


async def try_out(send: Send, workload: Workload, model: str) -> Trial:
    """Ask until the server takes the request and the prompts have their length.

    Raises:
        ConfigError: the server refuses the request, whatever is left out of it.
        TargetError: the server fails, or is not there.
    """
    words = next_trial((), workload.input_tokens) or 1
    prompt = workload.prompts[0] if workload.prompts else _prompt(words, workload)
    dialect, record = await _accepted(send, prompt, workload, model)
    if workload.prompts or record.input_tokens is None:
        return Trial(dialect, words if workload.prompts else workload.input_tokens, record.input_tokens)
    trials = [(words, record.input_tokens)]
    while (following := next_trial(trials, workload.input_tokens)) is not None:
        request = make_request(_prompt(following, workload), workload, dialect, model, TRIAL_TOKENS)
        record = await _send_patiently(send, request)
        if record.failure is not None:
            raise _error(record.failure)
        trials.append((following, record.input_tokens or 0))
    best = best_trial(trials, workload.input_tokens)
    return Trial(dialect, best, dict(trials)[best])


def prompts_of(workload: Workload, words: int) -> Iterator[Prompt]:
    """Yield the prompts of the measurement without end: the user's own in turn, else texts of ``words`` words."""
    if workload.prompts:
        return cycle(workload.prompts)
    return (Prompt(text=text) for text in texts(words, workload.seed))


async def _accepted(send: Send, prompt: Prompt, workload: Workload, model: str) -> tuple[Dialect, Record]:
    """Return the most that the server takes, and its answer."""
    dialect: Dialect | None = Dialect()
    refusal: Failure | None = None
    while dialect is not None:
        record = await _send_patiently(send, make_request(prompt, workload, dialect, model, TRIAL_TOKENS))
        if record.failure is None:
            return dialect, record
        # The first refusal is about the request as it was meant; later ones may be about what replaced a field.
        refusal = refusal or record.failure
        if record.failure.status not in REFUSALS:
            raise _error(record.failure)
        dialect = narrower(dialect, workload, record.failure.message)
    assert refusal is not None
    raise _error(refusal)


async def _send_patiently(send: Send, request: Request) -> Record:
    """Send a trial request, and again where the server is too busy: others may be using it."""
    record = await send(request)
    for number in range(TRIES - 1):
        if record.failure is None or record.failure.status not in BUSY:
            break
        await asyncio.sleep(PAUSE_S * 2**number)
        record = await send(request)
    return record


def _prompt(words: int, workload: Workload) -> Prompt:
    return Prompt(text=next(texts(words, workload.seed)))


def _error(failure: Failure) -> LLMwrightError:
    message = f"a trial request has no answer: {failure.kind}: {failure.message}".rstrip(": ")
    if failure.status in (401, 403):
        return ConfigError(message, hint="set LLMWRIGHT_API_KEY")
    if failure.status is not None and 400 <= failure.status < 500 and failure.status not in (408, 429):
        return ConfigError(message)
    reason = "EndpointUnreachable" if failure.kind == NO_CONNECTION else None
    return TargetError(message, reason=reason)
