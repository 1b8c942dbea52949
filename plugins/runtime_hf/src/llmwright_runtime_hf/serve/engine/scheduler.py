"""Which requests are read, generated and put back: one turn is some prompt tokens and one token for each row."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence

from llmwright_runtime_hf.serve.engine.answer import Answer
from llmwright_runtime_hf.serve.engine.interface import Failed, Finished, JobHandle
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel
from llmwright_runtime_hf.serve.engine.rows import Row, Rows, Token
from llmwright_runtime_hf.serve.engine.sampling import NoTokenLeftError
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

_TURN_TOKENS = 512
"""Prompt tokens that are read in one turn, while the rows of others wait."""

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
        may_share: Callable[[str, str], bool] = lambda _one, _other: True,
    ) -> None:
        """``cache_tokens`` fit in memory, all rows together. ``may_share``: rows of two keys may share a pass."""
        self._loaded = loaded
        self._rows = rows
        self._metrics = metrics
        self._cache_tokens = cache_tokens
        self._may_share = may_share
        self._waiting: deque[JobHandle] = deque()
        self._put_back: deque[Answer] = deque()
        self._reading: deque[Answer] = deque()
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

    def turn(self) -> None:
        """Give a token to each row that is read, and read some more of the prompts."""
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
        self._rows.leave([*self._running])
        for jobs in (self._waiting, self._put_back, self._reading, self._running):
            jobs.clear()
        self._show_load()
        for handle in ended:
            self._metrics.count_error(handle)
            handle.sink(failure)

    def _show_load(self) -> None:
        answers = self._answers()
        self._metrics.running.set(len(answers))
        self._metrics.cache_usage.set(min(1.0, self._held_tokens() / self._cache_tokens))
        running = (answer.handle.job.model for answer in answers)
        self._metrics.adapters.show({*running}, {handle.job.model for handle in self._waiting})

    def _drop_cancelled(self) -> None:
        answers = [answer.handle for answer in (*self._put_back, *self._answers())]
        # Asked once: a client that leaves meanwhile is dropped, and counted, in the next turn.
        gone = {handle for handle in (*self._waiting, *answers) if handle.cancelled}
        if not gone:
            return
        for handle in gone:
            self._metrics.count_abort(handle)
        kept = [handle for handle in self._waiting if handle not in gone]
        self._metrics.waiting.dec(len(self._waiting) - len(kept))
        self._waiting = deque(kept)
        self._put_back = deque(answer for answer in self._put_back if answer.handle not in gone)
        self._reading = deque(answer for answer in self._reading if answer.handle not in gone)
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
        fits = self._held_tokens() + tokens + len(answers) < self._cache_tokens
        return len(answers) < self._rows.most and fits and alike

    def _answers(self) -> list[Answer]:
        return [*self._reading, *self._running.values()]

    def _held_tokens(self) -> int:
        return sum(len(answer.row.tokens) for answer in self._answers())

    def _make_room(self) -> None:
        """Put the latest rows back while the cache would overflow: they are read again later, and go on."""
        while len(self._running) > 1 and self._held_tokens() + len(self._running) > self._cache_tokens:
            row = [*self._running][-1]
            answer = self._running[row]
            self._leave([row])
            row.forget()
            self._put_back.appendleft(answer)

    def _read(self) -> None:
        left, ready = _TURN_TOKENS, list[Answer]()
        while self._reading and left > 0:
            answer = self._reading[0]
            before = answer.row.read
            token = self._rows.read(answer.row, left)
            left -= answer.row.read - before
            if token is None:
                break
            self._reading.popleft()
            if self._push(answer, token):
                ready.append(answer)
        self._join(ready)

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
        if isinstance(token, NoTokenLeftError):
            self._metrics.count_error(handle)
            handle.sink(Failed("the request's own rules leave no token to generate", status=400))
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
