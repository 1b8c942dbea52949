"""The engine: one thread that loads the model, tests it, then serves jobs, many at once where the model can."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llmwright.errors import LLMwrightError, NotYet, TargetError
from llmwright.plugins.large_imports import collector_paused
from llmwright_runtime_hf.serve.engine.inbox import Inbox
from llmwright_runtime_hf.serve.engine.interface import EngineState, Event, Failed, Job, JobHandle
from llmwright_runtime_hf.serve.engine.served_names import ServedNames
from llmwright_runtime_hf.serve.serve_options import AdapterSpec, ServeOptions
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

if TYPE_CHECKING:
    from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel
    from llmwright_runtime_hf.serve.engine.scheduler import Scheduler
    from llmwright_runtime_hf.serve.engine.served_adapters import ServedAdapters

_log = logging.getLogger("llmwright.serve")
_TURN_TOKENS = {False: 512, True: 2048}
"""Tokens of a turn on a CPU and on a GPU, where ``max_num_batched_tokens`` does not say."""
_STOPPING = EngineState("stopping", "the server is shutting down")
_SHUTTING_DOWN = Failed(_STOPPING.reason, status=503)


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of the model in steps; the model thread does one in each turn."""

    steps: Iterator[None]
    done: Future[None] = field(default_factory=Future)


class ModelThread:
    """An ``Engine`` whose own thread alone touches the model, so the model needs no lock."""

    def __init__(self, options: ServeOptions, metrics: ServerMetrics) -> None:
        self._options = options
        self._metrics = metrics
        self._jobs: Inbox[JobHandle | _Change | None] = Inbox()
        self._draining = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._adapters: ServedAdapters | None = None
        self._changes: deque[_Change] = deque()
        self._scheduler: Scheduler | None = None
        self._on_ready: Callable[[], None] = lambda: None
        self._on_failure: Callable[[], None] = lambda: None
        self.served = ServedNames(options)
        self.loaded: LoadedModel | None = None
        self._state = EngineState("loading", "importing the libraries")
        self.failure: LLMwrightError | None = None

    def start(self, on_ready: Callable[[], None], on_failure: Callable[[], None]) -> None:
        """Begin to load. One of the two functions is called, in the model thread, when loading ends."""
        self._on_ready = on_ready
        self._on_failure = on_failure
        self._thread.start()

    @property
    def state(self) -> EngineState:
        """The phase, and why it does not answer."""
        stopping = self._draining.is_set() and self._state.phase in ("loading", "ready")
        return _STOPPING if stopping else self._state

    @property
    def idle(self) -> bool:
        """Whether no job is under way."""
        return not len(self._jobs) and not (self._scheduler and self._scheduler.busy)

    @property
    def full(self) -> bool:
        """Whether as many requests wait as may."""
        waiting = len(self._jobs) + (self._scheduler.waiting if self._scheduler else 0)
        return waiting >= self._options.max_queued_requests

    def submit(self, job: Job, sink: Callable[[Event], None]) -> JobHandle:
        """Queue a job. Its sink gets Text events, then one Finished or Failed; after ``cancel`` perhaps none."""
        handle = JobHandle(job, sink)
        if self._options.request_timeout is not None:
            handle.deadline = handle.submitted + self._options.request_timeout
        # Counted first: the thread may take the job, and count it out, at once.
        self._metrics.waiting.inc()
        if self._draining.is_set() or not self._jobs.put(handle):
            self._metrics.waiting.dec()
            sink(_SHUTTING_DOWN)
        return handle

    def load_adapter(self, spec: AdapterSpec) -> None:
        """Serve one more adapter, in place of that of the same name. Returns once it is served. One call at a time.

        Raises:
            LLMwrightError: it cannot be served, and nothing has changed.
        """
        adapters, loaded = self._changing()
        # Read here, not in the model thread: disks are slow, and others generate meanwhile.
        self._carry_out(adapters.load(adapters.read(spec)))
        self._show_model(spec.name, loaded)

    def unload_adapter(self, name: str) -> None:
        """Serve an adapter no longer; requests that have begun go on."""
        adapters, _ = self._changing()
        # The name first: from now on requests are refused, and those before are in the queue before this change.
        self.served.remove(name)
        self._carry_out(adapters.unload(name))

    def _changing(self) -> tuple[ServedAdapters, LoadedModel]:
        if self.state.phase != "ready" or self._adapters is None or self.loaded is None:
            raise NotYet(f"the server is {self.state.phase}")
        return self._adapters, self.loaded

    def _carry_out(self, steps: Iterator[None]) -> None:
        change = _Change(steps)
        if not self._jobs.put(change):
            raise NotYet(_SHUTTING_DOWN.message)
        change.done.result()
        self._count_adapters()

    def drain(self) -> None:
        """Refuse further jobs with status 503. Those under way go on."""
        self._draining.set()

    def stop(self, timeout: float) -> None:
        """Fail running and queued jobs with status 503. Wait ``timeout`` seconds at most for the thread's end."""
        self._draining.set()
        # The flag first, then the wake-up: the thread must not take one more job from the queue and run it to its end.
        self._stopping.set()
        self._jobs.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            self._load()
            self._serve()
        except LLMwrightError as error:
            self.failure = error
            self._state = EngineState("failed", error.message)
        except BaseException:
            # A panic of tokenizers or llguidance is no Exception: the thread would end unseen, and clients would wait.
            _log.exception("the model thread ended by a bug")
            self.failure = TargetError("the model thread ended by a bug", hint="the log has the traceback")
            self._state = EngineState("failed", "internal error, see the log")
        self._give_back()
        if self._state.phase == "failed":
            self._on_failure()

    def _give_back(self) -> None:
        """Answer all that is left: a client would wait for ever, and so would the end of the process for a change."""
        failure = _SHUTTING_DOWN if self._state.phase == "stopped" else Failed(self._state.reason, status=503)
        left = self._jobs.close()
        for handle in left:
            if isinstance(handle, JobHandle):
                self._metrics.waiting.dec()
                self._metrics.count_error(handle)
                handle.sink(failure)
        for change in (*self._changes, *(change for change in left if isinstance(change, _Change))):
            change.done.set_exception(NotYet(failure.message))
        if self._scheduler is not None:
            self._scheduler.fail_all(failure)

    def _load(self) -> None:
        start = time.monotonic()
        with collector_paused():
            from llmwright_runtime_hf.serve.engine.model_loading import load_model, quiet_libraries

        quiet_libraries(self._options.threads)
        self._set_loading("loading the model %s", self._options.model)
        loaded = load_model(self._options)
        _log.info(
            "loaded %s (%s, %s) in %.1f s",
            self._options.served_model_name,
            loaded.dtype,
            loaded.model.device,
            time.monotonic() - start,
        )
        if loaded.defaults.not_built:
            names = ", ".join(loaded.defaults.not_built)
            _log.warning("generation_config.json asks for %s: that is not built, and answers are without", names)
        self._warm_up(loaded)
        self._scheduler = self._make_scheduler(loaded)
        self._export_model_info(loaded)
        # ``loaded`` first, then ready: a request that sees ready uses ``loaded`` at once.
        self.loaded = loaded
        self._state = EngineState("ready")
        self._on_ready()

    def _warm_up(self, loaded: LoadedModel) -> None:
        from llmwright_runtime_hf.serve.engine.answer import warm_up

        self._set_loading("generating a first token with %s", self._options.served_model_name)
        warm_up(loaded, self._options.served_model_name)

    def _make_scheduler(self, loaded: LoadedModel) -> Scheduler:
        from llmwright_runtime_hf.serve.engine.batch_probe import probe
        from llmwright_runtime_hf.serve.engine.cache_memory import cache_tokens
        from llmwright_runtime_hf.serve.engine.rows_of_model import rows_of
        from llmwright_runtime_hf.serve.engine.scheduler import Scheduler

        ability = probe(loaded.model)
        rows = rows_of(loaded, ability, self._options, self._select)
        self._attach_adapters(loaded, batches=ability.rows)
        held = cache_tokens(loaded, ability.bytes_per_token)
        _log.info("up to %d requests at once, with %d tokens in all", rows.most, held)
        turn = self._options.max_num_batched_tokens or _TURN_TOKENS[loaded.model.device.type == "cuda"]
        return Scheduler(loaded, rows, self._metrics, cache_tokens=held, turn_tokens=turn, may_share=self._may_share)

    def _attach_adapters(self, loaded: LoadedModel, *, batches: bool) -> None:
        options = self._options
        if not (options.adapters or options.hot_adapters or options.later_adapters):
            return
        with collector_paused():
            from llmwright_runtime_hf.serve.engine.lora_adapters import LoraAdapters
            from llmwright_runtime_hf.serve.engine.served_adapters import ServedAdapters

        layers = LoraAdapters(loaded.model, self._options.max_lora_rank)
        self._adapters = adapters = ServedAdapters(loaded, layers, self.served, self._metrics, batches=batches)
        for spec in self._options.adapters:
            self._set_loading("loading the adapter %s", spec.name)
            for _ in adapters.load(adapters.read(spec)):
                pass

    def _export_model_info(self, loaded: LoadedModel) -> None:
        self._metrics.begin(self._options.model_names)
        self._count_adapters()
        for name in self._options.model_names:
            self._show_model(name, loaded)

    def _count_adapters(self) -> None:
        self._metrics.adapters.serve(len(self.served.model_names) - 1)

    def _show_model(self, name: str, loaded: LoadedModel) -> None:
        base = self._options.served_model_name
        parent = "" if name == base else base
        labels = (name, parent, loaded.dtype, self._options.quantization, str(loaded.context))
        self._metrics.model_info.labels(*labels).set(1)

    def _serve(self) -> None:
        scheduler = self._scheduler
        assert scheduler is not None
        while self._take_jobs(scheduler):
            try:
                scheduler.turn()
            except BaseException:
                # A pass with a bug, or a panic of a library, must not end the thread, and the server for everybody.
                _log.exception("a pass over the model failed by a bug")
                scheduler.fail_all(Failed("internal error while generating, see the server's log"))
            self._change()
            if self._adapters is not None:
                for key in self._adapters.let_go(scheduler.uses):
                    scheduler.forget(key)
        self._state = EngineState("stopped", _SHUTTING_DOWN.message)

    def _change(self) -> None:
        """Do one step of the first change."""
        if not self._changes:
            return
        change = self._changes[0]
        try:
            next(change.steps)
        except StopIteration:
            self._changes.popleft().done.set_result(None)
        except BaseException as error:
            if not isinstance(error, LLMwrightError):
                _log.exception("a change of the adapters failed by a bug")
            self._changes.popleft().done.set_exception(error)

    def _take_jobs(self, scheduler: Scheduler) -> bool:
        """Hand over the jobs that came; wait for one where there is nothing to do. Return False at the end."""
        while not self._stopping.is_set() and (len(self._jobs) or not (scheduler.busy or self._changes)):
            self._take(scheduler, self._jobs.get())
        return not self._stopping.is_set()

    def _take(self, scheduler: Scheduler, item: JobHandle | _Change | None) -> None:
        if isinstance(item, _Change):
            self._changes.append(item)
        elif item is not None:
            key = "" if self._adapters is None else self._adapters.key_of(item.job.model)
            if key is None:
                self._metrics.waiting.dec()
                item.sink(Failed(f"the model {item.job.model!r} is not served here any more", status=404))
                return
            item.variant = key
            scheduler.add(item)

    def _select(self, keys: Sequence[str]) -> None:
        if self._adapters is not None:
            self._adapters.select(keys)

    def _may_share(self, one: str, other: str) -> bool:
        return self._adapters is None or self._adapters.may_share(one, other)

    def _set_loading(self, message: str, *values: object) -> None:
        """Show what is being loaded: in /health and in the log."""
        self._state = EngineState("loading", message % values)
        _log.info(message, *values)
