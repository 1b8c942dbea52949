"""One answer, from token ids to events."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from llmwright.errors import TargetError
from llmwright_runtime_hf.serve.engine.decode_loop import Decoder
from llmwright_runtime_hf.serve.engine.detokenizer import Detokenizer
from llmwright_runtime_hf.serve.engine.interface import (
    Event,
    Finished,
    FinishReason,
    Job,
    JobHandle,
    SamplingParams,
    ScoredToken,
    Text,
    TextRefusedError,
)
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel
from llmwright_runtime_hf.serve.engine.rows import Row
from llmwright_runtime_hf.serve.engine.sampling import Sampler
from llmwright_runtime_hf.serve.engine.scored_tokens import ScoredTokens
from llmwright_runtime_hf.serve.engine.stop_strings import StopStrings

_log = logging.getLogger("llmwright.serve")


class Answer:
    """A job under way: the row that is generated for it, and its text."""

    def __init__(self, loaded: LoadedModel, handle: JobHandle) -> None:
        job = handle.job
        sampler = Sampler(job.sampling, loaded.model.device, prompt=len(job.prompt), logprobs=job.logprobs)
        sampler.forbid_ends(job.end_tokens, job.min_tokens)
        self._guided = job.guide.begin() if job.guide else None
        if self._guided:
            sampler.keep_to(self._guided, job.end_tokens)
        self.handle = handle
        self.row = Row(handle.variant, job.prompt, sampler)
        self.count = 0
        """Generated tokens."""
        self._text = _AnswerText(loaded, job)
        self._scored = ScoredTokens(loaded.token_text) if job.logprobs is not None else None

    def push(self, token: int) -> Iterator[Event]:
        """Yield the text that is final with this token, and Finished where it is the last one."""
        job = self.handle.job
        self.count += 1
        begin = self._text.made
        complete = self._is_complete(token)
        text, reason = self._text.push(token, last=complete or self.count == job.max_tokens)
        if complete and reason == "length":
            reason = "stop"
        tokens = self._scores(token, begin, reason) if self._scored else ()
        if text or tokens:
            yield Text(text, tokens)
        if reason:
            yield Finished(reason, len(job.prompt), self.count)

    def _is_complete(self, token: int) -> bool:
        """Whether the answer has its shape, and nothing can follow ``token`` but an end."""
        if self._guided is None or token in self.handle.job.end_tokens:
            return False
        self._guided.follow(self.row.tokens[len(self.handle.job.prompt) :])
        return self._guided.complete

    def _scores(self, token: int, begin: int, reason: FinishReason | None) -> tuple[ScoredToken, ...]:
        """Return the tokens whose text is sent, with the latest, whose text begins at ``begin``."""
        assert self._scored is not None
        scores = self.row.sampler.scores
        job = self.handle.job
        if scores is not None and (token not in job.end_tokens or job.keep_stop):
            self._scored.push(scores, begin, self._text.made)
        # Special tokens have no text: at the end of a whole answer they belong to it too.
        whole = reason is not None and self._text.sent == self._text.made
        return self._scored.take(self._text.sent, all_of_them=whole)


def warm_up(loaded: LoadedModel, name: str) -> None:
    """Generate one token, to prove that the model can, with what is selected under ``name``.

    Raises:
        TargetError: it cannot.
    """
    try:
        prompt = loaded.encode("Hello", special=True) or [0]
    except TextRefusedError:
        prompt = [0]
    try:
        decoder = Decoder(loaded.model, prompt, Sampler(SamplingParams(), loaded.model.device))
        decoder.step()
    except Exception as error:
        # Kernels refuse shapes, dtypes and devices only when they run. That is no bug of this server.
        raise TargetError(
            f"{name} is loaded and cannot generate: {error}",
            hint="try another --dtype, --quantization or --device",
        ) from error
    if not decoder.cached:
        _log.warning("%s keeps no cache: each token reads the whole text again", type(loaded.model).__name__)


class _AnswerText:
    """Turn tokens into the text of the answer, and find its end."""

    def __init__(self, loaded: LoadedModel, job: Job) -> None:
        self._loaded = loaded
        self._stops = job.stop
        self._end_tokens = job.end_tokens
        self._keeps_stop = job.keep_stop
        self._unstoppable = job.min_tokens
        self._detokenizer = Detokenizer(lambda tokens: loaded.decode(tokens, special=job.special))
        self._stop_strings = StopStrings(job.stop, keep=job.keep_stop)
        self.made = 0
        """Characters of the text so far, with those that are held back."""
        self.sent = 0
        """Characters that may be sent."""

    def push(self, token: int, *, last: bool) -> tuple[str, FinishReason | None]:
        """Return (text that may be sent, why the answer ends or None)."""
        text, reason = self._push(token, last=last)
        self.sent += len(text)
        return text, reason

    def _push(self, token: int, *, last: bool) -> tuple[str, FinishReason | None]:
        is_end = token in self._end_tokens
        text = "" if is_end and not self._keeps_stop else self._detokenizer.push(token)
        if is_end or last:
            text += self._detokenizer.finish()
        if is_end and self._keeps_stop:
            text += self._hidden_stop(token, text)
        self.made += len(text)
        self._unstoppable -= 1
        if self._unstoppable > 0:
            return (text, None) if not last else (text, "length")
        ready, stopped = self._stop_strings.push(text)
        if stopped:
            return ready, "stop"
        if is_end or last:
            return ready + self._stop_strings.finish(), "stop" if is_end else "length"
        return ready, None

    def _hidden_stop(self, token: int, shown: str) -> str:
        """Return the stop string that is this special token, and which ``shown`` lacks; else nothing."""
        written = self._loaded.decode([token], special=True)
        return written if written in self._stops and not shown.endswith(written) else ""
