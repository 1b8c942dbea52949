"""One answer, from token ids to events."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from llmwright.errors import TargetError
from llmwright_runtime_hf.serve.engine.answer_parts import Piece
from llmwright_runtime_hf.serve.engine.answer_text import AnswerText
from llmwright_runtime_hf.serve.engine.decode_loop import Decoder
from llmwright_runtime_hf.serve.engine.guided_content import GuidedContent
from llmwright_runtime_hf.serve.engine.guides import Guided
from llmwright_runtime_hf.serve.engine.interface import (
    CONTENT,
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

_log = logging.getLogger("llmwright.serve")


class Answer:
    """A job under way: the row that is generated for it, and its text."""

    def __init__(self, loaded: LoadedModel, handle: JobHandle) -> None:
        job = handle.job
        sampler = Sampler(job.sampling, loaded.model.device, prompt=len(job.prompt), logprobs=job.logprobs)
        sampler.forbid_ends(job.end_tokens, job.min_tokens)
        self._guided = _guided(loaded, job)
        if self._guided:
            sampler.keep_to(self._guided, job.end_tokens)
        self.handle = handle
        self.row = Row(handle.variant, job.prompt, sampler)
        self.count = 0
        """Generated tokens."""
        self._text = AnswerText(loaded, job)
        self._scored = ScoredTokens(loaded.token_text) if job.logprobs is not None else None

    def push(self, token: int) -> Iterator[Event]:
        """Yield the text that is final with this token, and Finished where it is the last one."""
        job = self.handle.job
        self.count += 1
        begin = self._text.made
        complete = self._is_complete(token)
        pieces, reason = self._text.push(token, last=complete or self.count == job.max_tokens)
        if complete and reason == "length":
            reason = "stop"
        tokens = self._scores(token, begin, reason) if self._scored else ()
        yield from _texts(pieces, tokens)
        if reason:
            yield Finished(reason, len(job.prompt), self.count, self._text.reasoning_tokens)

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


def _guided(loaded: LoadedModel, job: Job) -> Guided | None:
    if job.guide is None:
        return None
    guided = job.guide.begin()
    return GuidedContent(guided, loaded, job.parts, job.prompt) if job.parts and job.guides_content else guided


def _texts(pieces: Sequence[Piece], tokens: tuple[ScoredToken, ...]) -> Iterator[Text]:
    """Yield the pieces that say something, the last of them with ``tokens``."""
    said = [(part, text) for part, text in pieces if text or part.kind == "call"]
    for part, text in said[:-1]:
        yield Text(text, part=part)
    if said or tokens:
        part, text = said[-1] if said else (CONTENT, "")
        yield Text(text, tokens, part)


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
