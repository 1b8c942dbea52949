"""Which requests are read, generated and put back: one turn is some prompt tokens and one token for each row."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence, Set

from llmwright_runtime_hf.serve.engine.answer import Answer
from llmwright_runtime_hf.serve.engine.interface import Failed, Finished, JobHandle
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel
from llmwright_runtime_hf.serve.engine.reading_plan import LEAST_TOKENS, plan_reading
from llmwright_runtime_hf.serve.engine.rows import Row, Rows, Token
from llmwright_runtime_hf.serve.engine.sampling import NoTokenError
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

_LEAST_READ = 16
"""Prompt tokens that are read in one turn however many rows are generated."""

_log = logging.getLogger("llmwright.serve")


class Scheduler:
    """Answer jobs in order of arrival, as many at once as ``rows`` and the cache hold."""

    def __init__(
        self,
        loaded: LoadedModel,
        rows: Rows,
        metrics: ServerMetrics,
        *,
        cache_tokens: int,
        turn_tokens: int = 512,
        may_share: Callable[[str, str], bool] = lambda _one, _other: True,
    ) -> None:
        """``cache_tokens`` fit in memory, padding included; ``turn_tokens`` are read and generated in one turn.

        ``may_share``: rows of two keys may share a pass.
        """
        self._loaded = loaded
        self._rows = rows
        self._metrics = metrics
        self._cache_tokens = cache_tokens
        self._turn_tokens = turn_tokens
        self._may_share = may_share
        self._waiting: deque[JobHandle] = deque()
        self._put_back: deque[Answer] = deque()
        self._reading: list[Answer] = []
        self._running: dict[Row, Answer] = {}

    @property
    def busy(self) -> bool:
        """Whether a turn would do anything."""
        return bool(self._waiting or self._put_back or self._answers())

    @property
    def waiting(self) -> int:
        """The number of jobs that no row has begun. Callable from any thread."""
        return len(self._waiting)

    def add(self, handle: JobHandle) -> None:
        """Take a job that was submitted."""
        self._waiting.append(handle)

    def uses(self, key: str) -> bool:
        """Whether some job needs the adapter of that key."""
        handles = (*self._waiting, *(answer.handle for answer in (*self._put_back, *self._answers())))
        return any(handle.variant == key for handle in handles)

    def forget(self, key: str) -> None:
        """Let go of what is kept for an adapter that no job needs."""
        self._rows.forget(key)

    def turn(self) -> None:
        """Give a token to each row that is read, and read some more of the prompts."""
        self._drop_late()
        self._drop_cancelled()
        self._admit()
        self._make_room()
        self._read()
        self._step()
        self._show_load()

    def fail_all(self, failure: Failed) -> None:
        """End every job with ``failure``."""
        ended = [*(answer.handle for answer in (*self._answers(), *self._put_back)), *self._waiting]
        self._metrics.waiting.dec(len(self._waiting))
        self._rows.clear()
        for jobs in (self._waiting, self._put_back, self._reading, self._running):
            jobs.clear()
        self._show_load()
        for handle in ended:
            self._metrics.count_error(handle)
            handle.sink(failure)

    def _show_load(self) -> None:
        answers = self._answers()
        self._metrics.running.set(len(answers))
        # Admission counts one column more for each, that of the next token.
        held = _padded([len(answer.row.tokens) - 1 for answer in answers])
        self._metrics.cache_usage.set(min(1.0, held / self._cache_tokens))
        running = (answer.handle.job.model for answer in answers)
        self._metrics.adapters.show({*running}, {handle.job.model for handle in self._waiting})

    def _drop_late(self) -> None:
        now = time.monotonic()
        late = {handle for handle in self._handles() if handle.deadline <= now}
        self._drop(late)
        for handle in late:
            self._metrics.count_error(handle)
            handle.sink(Failed("no complete answer within the server's time for a request", status=408))

    def _drop_cancelled(self) -> None:
        # Asked once: a client that leaves meanwhile is dropped, and counted, in the next turn.
        gone = {handle for handle in self._handles() if handle.cancelled}
        self._drop(gone)
        for handle in gone:
            self._metrics.count_abort(handle)

    def _handles(self) -> list[JobHandle]:
        return [*self._waiting, *(answer.handle for answer in (*self._put_back, *self._answers()))]

    def _drop(self, gone: Set[JobHandle]) -> None:
        if not gone:
            return
        kept = [handle for handle in self._waiting if handle not in gone]
        self._metrics.waiting.dec(len(self._waiting) - len(kept))
        self._waiting = deque(kept)
        self._put_back = deque(answer for answer in self._put_back if answer.handle not in gone)
        self._reading = [answer for answer in self._reading if answer.handle not in gone]
        self._leave([row for row, answer in self._running.items() if answer.handle in gone])

    def _admit(self) -> None:
        while self._put_back and self._has_room(self._put_back[0].row.model, len(self._put_back[0].row.tokens)):
            self._reading.append(self._put_back.popleft())
        while not self._put_back and self._waiting and self._has_room_for(self._waiting[0]):
            self._metrics.waiting.dec()
            handle = self._waiting.popleft()
            try:
                self._reading.append(Answer(self._loaded, handle))
            except Exception:
                # One request with a bug must not end the others.
                _log.exception("a request to %s failed by a bug", handle.job.model)
                self._metrics.count_error(handle)
                handle.sink(Failed("internal error while generating, see the server's log"))

    def _has_room_for(self, handle: JobHandle) -> bool:
        return self._has_room(handle.variant, len(handle.job.prompt))

    def _has_room(self, model: str, tokens: int) -> bool:
        answers = self._answers()
        if not answers:
            return True
        alike = all(self._may_share(model, other) for other in {answer.row.model for answer in answers})
        fits = _padded([*(len(answer.row.tokens) for answer in answers), tokens]) <= self._cache_tokens
        return len(answers) < self._rows.most and fits and alike

    def _answers(self) -> list[Answer]:
        return [*self._reading, *self._running.values()]

    def _make_room(self) -> None:
        """Put the latest rows back while the cache would overflow: they are read again later, and go on."""
        while len(self._running) > 1 and _padded([len(row.tokens) for row in self._running]) > self._cache_tokens:
            row = [*self._running][-1]
            answer = self._running[row]
            self._leave([row])
            row.forget()
            self._put_back.appendleft(answer)

    def _read(self) -> None:
        if not self._reading:
            return
        begun = self._begun()
        # One token is left to read where all else is known: that is what a step does for each row.
        self._join([answer for answer in begun if answer.row.read and answer.row.unread == 1])
        begun = [answer for answer in begun if answer.row not in self._running]
        self._reading = [answer for answer in self._reading if answer.row not in self._running]
        budget = max(self._turn_tokens - len(self._running), _LEAST_READ)
        together = [self._rows.reads_together and not answer.row.read for answer in begun]
        ready = list[Answer]()
        for portion in plan_reading([answer.row.unread for answer in begun], budget, together):
            ready += self._read_portion([begun[place] for place in portion.places], portion.tokens)
        self._join(ready)

    def _begun(self) -> list[Answer]:
        """Return the answers to read in this turn: of several new ones that begin alike, the first alone."""
        begun, beginnings = list[Answer](), set[tuple[str, tuple[int, ...]]]()
        for answer in self._reading:
            row = answer.row
            if self._rows.shares_prefixes and not row.read:
                self._rows.recall(row)
                beginning = (row.model, tuple(row.tokens[row.read :][:LEAST_TOKENS]))
                if beginning in beginnings and len(beginning[1]) == LEAST_TOKENS:
                    continue
                beginnings.add(beginning)
            begun.append(answer)
        return begun

    def _read_portion(self, answers: Sequence[Answer], most: int) -> list[Answer]:
        """Return those that are read to the end and go on."""
        if len(answers) > 1:
            tokens: Sequence[Token | None] = self._rows.read_together([answer.row for answer in answers])
        else:
            tokens = [self._rows.read(answer.row, most) for answer in answers]
        ready = list[Answer]()
        for answer, token in zip(answers, tokens, strict=True):
            if token is not None:
                self._reading.remove(answer)
                ready += [answer] if self._push(answer, token) else []
        return ready

    def _join(self, answers: Sequence[Answer]) -> None:
        if answers:
            self._rows.join([answer.row for answer in answers])
            self._running |= {answer.row: answer for answer in answers}

    def _step(self) -> None:
        if not self._running:
            return
        rows = self._rows.rows
        tokens = self._rows.step()
        self._leave([row for row, token in zip(rows, tokens, strict=True) if not self._push(self._running[row], token)])

    def _leave(self, rows: Sequence[Row]) -> None:
        if rows:
            self._rows.leave(rows)
            for row in rows:
                del self._running[row]

    def _push(self, answer: Answer, token: Token) -> bool:
        """Send what is final with ``token``. Return whether the answer goes on."""
        handle = answer.handle
        if isinstance(token, NoTokenError):
            self._metrics.count_error(handle)
            handle.sink(Failed(token.message, status=token.status))
            return False
        self._metrics.count_token(handle)
        for event in answer.push(token):
            if isinstance(event, Finished):
                # The metrics first: a client that reads /metrics right after its answer finds itself counted.
                self._metrics.count_answer(handle, event.reason, event.completion_tokens)
            handle.sink(event)
            if isinstance(event, Finished):
                return False
        return True


def _padded(lengths: Sequence[int]) -> int:
    """Return the columns of rows of so many tokens after the next turn: each is padded to the longest."""
    return (max(lengths, default=0) + 1) * len(lengths)
