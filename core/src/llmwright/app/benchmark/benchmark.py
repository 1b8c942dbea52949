"""``Benchmark``: one run over the ladder. Its figures can be read at any time, also after an interruption."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from llmwright.app.benchmark.http_client import BenchmarkClient
from llmwright.app.benchmark.load import budget_of, load
from llmwright.app.benchmark.request import make_request
from llmwright.app.benchmark.result import BenchmarkResult, notes_of
from llmwright.app.benchmark.statistics import LevelRecords, level_result
from llmwright.app.benchmark.trial import Trial, prompts_of, try_out
from llmwright.app.benchmark.workload import Workload
from llmwright.app.event_loop import run_apart
from llmwright.version import __version__

PROGRESS_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class LevelProgress:
    """How far one level is: requests that ended, of ``requests``, or seconds of ``duration_s``; None is unbounded.

    ``seconds`` is None while it warms up.
    """

    concurrency: int
    requests: int | None
    duration_s: float | None
    ended: int
    failed: int
    seconds: float | None
    finished: bool


OnProgress = Callable[[LevelProgress], object]
"""Called in the thread that measures, ten times a second at most, and at the end of each level."""


class Benchmark:
    """Measures the model ``model`` at the endpoint ``url``."""

    def __init__(
        self,
        url: str,
        model: str,
        workload: Workload,
        api_key: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._url, self._model, self._workload = url, model, workload
        self._client = BenchmarkClient(url, api_key, workload.timeout_s)
        self._on_progress = on_progress
        self._shown = 0.0
        self._trial: Trial | None = None
        self._levels: list[LevelRecords] = []
        self._began = datetime.now(UTC)
        self._complete = False

    def run(self) -> BenchmarkResult:
        """Measure all levels and return the result. An interruption ends the requests under way first.

        Raises:
            ConfigError: the server refuses the requests.
            TargetError: the server does not answer a trial request.
        """
        run_apart(self._measure(), "benchmark")
        return self.result()

    def result(self) -> BenchmarkResult:
        """Return what has been measured so far."""
        workload = self._workload
        levels = tuple(level_result(level) for level in self._levels if level.began is not None)
        return BenchmarkResult(
            endpoint=self._url,
            model=self._model,
            api=workload.api,
            stream=workload.stream,
            seed=workload.seed,
            temperature=workload.temperature,
            input_tokens=None if workload.prompts else workload.input_tokens,
            output_tokens=workload.output_tokens,
            warmup=workload.warmup,
            timeout_s=workload.timeout_s,
            began=self._began.isoformat(timespec="seconds"),
            version=__version__,
            complete=self._complete,
            levels=levels,
            notes=notes_of(workload, self._trial, levels) if self._trial else (),
        )

    async def _measure(self) -> None:
        async with self._client as client:
            self._trial = await try_out(client.send, self._workload, self._model)
            prompts = prompts_of(self._workload, self._trial.words)
            dialect = self._trial.dialect
            requests = (make_request(prompt, self._workload, dialect, self._model) for prompt in prompts)
            for concurrency in self._workload.concurrency:
                level = LevelRecords(concurrency)
                self._levels.append(level)
                self._show(level)
                bound = self._workload.requests_on(concurrency)
                await load(
                    level,
                    budget_of(concurrency, bound, self._workload.duration_s),
                    requests,
                    client.send,
                    warmup=self._workload.warmup,
                    on_record=partial(self._show, level),
                )
                self._show(level, finished=True)
                if level.gave_up:
                    break
            self._complete = True

    def _show(self, level: LevelRecords, *, finished: bool = False) -> None:
        now = time.perf_counter()
        soon = level.began is not None and now - self._shown < PROGRESS_EVERY_S
        if self._on_progress is None or (soon and not finished):
            return
        self._shown = now
        self._on_progress(
            LevelProgress(
                concurrency=level.concurrency,
                requests=self._workload.requests_on(level.concurrency),
                duration_s=self._workload.duration_s,
                ended=len(level.records),
                failed=level.failed,
                seconds=None if level.began is None else now - level.began,
                finished=finished,
            )
        )
