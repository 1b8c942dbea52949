"""The text of one answer: from its tokens to pieces that may be sent, each with the part that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence

from llmwright_runtime_hf.serve.engine.answer_parts import PartMarks, Piece
from llmwright_runtime_hf.serve.engine.detokenizer import Detokenizer
from llmwright_runtime_hf.serve.engine.interface import CONTENT, FinishReason, Job
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel
from llmwright_runtime_hf.serve.engine.part_reader import PartReader
from llmwright_runtime_hf.serve.engine.stop_strings import StopStrings


class AnswerText:
    """Turn tokens into the text of the answer, and find its end."""

    def __init__(self, loaded: LoadedModel, job: Job) -> None:
        self._pieces: _PartPieces | _PlainPieces
        self._pieces = _PartPieces(loaded, job, job.parts) if job.parts else _PlainPieces(loaded, job)
        self._keeps_reasoning = job.parts is not None and job.parts.keeps_reasoning
        self._end_tokens = job.end_tokens
        self._unstoppable = job.min_tokens
        self._stop_strings = StopStrings(job.stop, keep=job.keep_stop)
        self.made = 0
        """Characters of the text so far, with those that are held back."""
        self.sent = 0
        """Characters that may be sent."""

    @property
    def reasoning_tokens(self) -> int:
        """The tokens so far whose text is reasoning."""
        return self._pieces.reasoning_tokens

    def push(self, token: int, *, last: bool) -> tuple[list[Piece], FinishReason | None]:
        """Return (text that may be sent, why the answer ends or None)."""
        made = self._pieces.push(token, last=last)
        self.made += _length(made)
        pieces, reason = self._up_to_stop(made, is_end=token in self._end_tokens, last=last)
        if self._keeps_reasoning:
            pieces = [(CONTENT, text) for _, text in pieces]
        self.sent += _length(pieces)
        return pieces, reason

    def _up_to_stop(
        self, pieces: Sequence[Piece], *, is_end: bool, last: bool
    ) -> tuple[list[Piece], FinishReason | None]:
        self._unstoppable -= 1
        if self._unstoppable > 0:
            return [*pieces], "length" if last else None
        sent = list[Piece]()
        for part, text in pieces:
            if part != CONTENT:
                # What was held back came before it.
                sent += [(CONTENT, self._stop_strings.finish()), (part, text)]
                continue
            ready, stopped = self._stop_strings.push(text)
            sent.append((CONTENT, ready))
            if stopped:
                return sent, "stop"
        if is_end or last:
            return [*sent, (CONTENT, self._stop_strings.finish())], "stop" if is_end else "length"
        return sent, None


class _PlainPieces:
    """All text is content."""

    reasoning_tokens = 0

    def __init__(self, loaded: LoadedModel, job: Job) -> None:
        self._loaded = loaded
        self._job = job
        self._detokenizer = Detokenizer(lambda tokens: loaded.decode(tokens, special=job.special))

    def push(self, token: int, *, last: bool) -> list[Piece]:
        is_end = token in self._job.end_tokens
        text = "" if is_end and not self._job.keep_stop else self._detokenizer.push(token)
        if is_end or last:
            text += self._detokenizer.finish()
        if is_end and self._job.keep_stop:
            text += _hidden_stop(self._loaded, self._job, token, text)
        return [(CONTENT, text)]


class _PartPieces:
    """The text has parts; the marks between them are in no text."""

    def __init__(self, loaded: LoadedModel, job: Job, marks: PartMarks) -> None:
        self._loaded = loaded
        self._job = job
        self._marks = marks
        self._reader = PartReader(loaded, marks, job.prompt, special=job.special)

    @property
    def reasoning_tokens(self) -> int:
        return self._reader.reasoning_tokens

    def push(self, token: int, *, last: bool) -> list[Piece]:
        is_end = token in self._job.end_tokens
        pieces = list[Piece]()
        if token in self._marks.marks or not is_end or self._job.keep_stop:
            pieces += self._reader.read(token)
        if is_end or last:
            pieces += self._reader.rest()
            pieces += self._reader.parts.finish(cut=not is_end)
        if is_end and self._job.keep_stop:
            shown = pieces[-1][1] if pieces else ""
            pieces.append((CONTENT, _hidden_stop(self._loaded, self._job, token, shown)))
        return pieces


def _hidden_stop(loaded: LoadedModel, job: Job, token: int, shown: str) -> str:
    """Return the stop string that is this special token, and which ``shown`` lacks; else nothing."""
    written = loaded.decode([token], special=True)
    return written if written in job.stop and not shown.endswith(written) else ""


def _length(pieces: Sequence[Piece]) -> int:
    return sum(len(text) for _, text in pieces)
