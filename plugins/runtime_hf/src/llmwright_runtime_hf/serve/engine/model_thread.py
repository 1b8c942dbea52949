"""The engine: one thread that loads the model, tests it, then serves jobs, many at once where the model can."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from llmwright.errors import LLMwrightError, TargetError
from llmwright.plugins.large_imports import collector_paused
from llmwright_runtime_hf.serve.engine.interface import EngineState, Event, Failed, Job, JobHandle
from llmwright_runtime_hf.serve.serve_options import ServeOptions
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

if TYPE_CHECKING:
    from llmwright_runtime_hf.serve.engine.lora_adapters import AdapterSwitch
    from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel
    from llmwright_runtime_hf.serve.engine.rows import Rows
    from llmwright_runtime_hf.serve.engine.scheduler import Scheduler

_log = logging.getLogger("llmwright.serve")
_SHUTTING_DOWN = Failed("the server is shutting down", status=503)


class ModelThread:
    """An ``Engine`` whose own thread alone touches the model, so the model needs no lock."""

    def __init__(self, options: ServeOptions, metrics: ServerMetrics) -> None:
        self._options = options
        self._metrics = metrics
        self._jobs: queue.SimpleQueue[JobHandle | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._adapters: AdapterSwitch | None = None
        self._scheduler: Scheduler | None = None
        self._on_ready: Callable[[], None] = lambda: None
        self._on_failure: Callable[[], None] = lambda: None
        self.loaded: LoadedModel | None = None
        self.state = EngineState("loading", "importing the libraries")
        self.failure: LLMwrightError | None = None

    def start(self, on_ready: Callable[[], None], on_failure: Callable[[], None]) -> None:
        """Begin to load. One of the two functions is called, in the model thread, when loading ends."""
        self._on_ready = on_ready
        self._on_failure = on_failure
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether as many requests wait as may."""
        waiting = self._jobs.qsize() + (self._scheduler.waiting if self._scheduler else 0)
        return waiting >= self._options.max_queued_requests

    def submit(self, job: Job, sink: Callable[[Event], None]) -> JobHandle:
        """Queue a job. Its sink gets Text events, then one Finished or Failed; after ``cancel`` perhaps none."""
        handle = JobHandle(job, sink)
        if self._stopping.is_set():
            sink(_SHUTTING_DOWN)
            return handle
        self._metrics.waiting.inc()
        self._jobs.put(handle)
        return handle

    def stop(self, timeout: float) -> None:
        """Fail running and queued jobs with status 503. Wait ``timeout`` seconds at most for the thread's end."""
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
            self.state = EngineState("failed", error.message)
        except Exception:
            _log.exception("the model thread ended by a bug")
            self.failure = TargetError("the model thread ended by a bug", hint="the log has the traceback")
            self.state = EngineState("failed", "internal error, see the log")
        if self.state.phase == "failed":
            self._on_failure()

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
            _seconds_since(start),
        )
        if loaded.defaults.not_built:
            names = ", ".join(loaded.defaults.not_built)
            _log.warning("generation_config.json asks for %s: that is not built, and answers are without", names)
        self._attach_adapters(loaded)
        self._warm_up(loaded)
        self._scheduler = self._make_scheduler(loaded)
        self._export_model_info(loaded)
        # ``loaded`` first, then ready: a request that sees ready uses ``loaded`` at once.
        self.loaded = loaded
        self.state = EngineState("ready")
        self._on_ready()

    def _attach_adapters(self, loaded: LoadedModel) -> None:
        if not self._options.adapters:
            return
        self._set_loading("loading adapters: %s", ", ".join(adapter.name for adapter in self._options.adapters))
        with collector_paused():
            from llmwright_runtime_hf.serve.engine.lora_adapters import attach_adapters

        self._adapters = attach_adapters(loaded.model, self._options.adapters)

    def _warm_up(self, loaded: LoadedModel) -> None:
        from llmwright_runtime_hf.serve.engine.answer import warm_up

        # The base last, so that the base is selected when the first request comes.
        for name in reversed(self._options.model_names):
            self._set_loading("generating a first token with %s", name)
            self._select([name])
            warm_up(loaded, name)

    def _make_scheduler(self, loaded: LoadedModel) -> Scheduler:
        from llmwright_runtime_hf.serve.engine.batch import Batch
        from llmwright_runtime_hf.serve.engine.batch_probe import probe, probe_mixing
        from llmwright_runtime_hf.serve.engine.cache_memory import cache_tokens
        from llmwright_runtime_hf.serve.engine.scheduler import Scheduler
        from llmwright_runtime_hf.serve.engine.single_row import SingleRow

        names = self._options.model_names
        ability = probe(loaded.model)
        rows: Rows = SingleRow(loaded.model, self._select)
        if ability.rows:
            rows = Batch(loaded.model, self._select, most=self._options.max_num_seqs, whole_prompts=not ability.parts)
        mixes = len(names) == 1 or (ability.rows and probe_mixing(loaded.model, self._select, names))
        held = cache_tokens(loaded, ability.bytes_per_token)
        if not ability.rows:
            _log.warning("%s answers one request at a time", type(loaded.model).__name__)
        elif not mixes:
            _log.warning("the adapters of %s are not mixed in one pass: they take turns", loaded.model.name_or_path)
        _log.info("up to %d requests at once, with %d tokens in all", rows.most, held)
        return Scheduler(loaded, rows, self._metrics, cache_tokens=held, mixes=mixes)

    def _export_model_info(self, loaded: LoadedModel) -> None:
        self._metrics.begin(self._options.model_names)
        self._metrics.adapters.serve(len(self._options.adapters))
        base, *adapters = self._options.model_names
        for name, parent in ((base, ""), *((adapter, base) for adapter in adapters)):
            labels = (name, parent, loaded.dtype, self._options.quantization, str(loaded.context))
            self._metrics.model_info.labels(*labels).set(1)

    def _serve(self) -> None:
        scheduler = self._scheduler
        assert scheduler is not None
        while self._take_jobs(scheduler):
            try:
                scheduler.turn()
            except Exception:
                # A pass with a bug must not end the thread, and with it the server for everybody.
                _log.exception("a pass over the model failed by a bug")
                scheduler.fail_all(Failed("internal error while generating, see the server's log"))
        scheduler.fail_all(_SHUTTING_DOWN)
        self.state = EngineState("stopped", _SHUTTING_DOWN.message)

    def _take_jobs(self, scheduler: Scheduler) -> bool:
        """Hand over the jobs that came; wait for one where there is nothing to do. Return False at the end."""
        while not (self._jobs.empty() and scheduler.busy):
            handle = self._jobs.get()
            if handle is not None:
                scheduler.add(handle)
            if self._stopping.is_set():
                # Those that came in between are not lost: each is answered.
                while not self._jobs.empty():
                    if (handle := self._jobs.get()) is not None:
                        scheduler.add(handle)
                return False
        return not self._stopping.is_set()

    def _select(self, names: Sequence[str]) -> None:
        if self._adapters is not None:
            base = self._options.served_model_name
            self._adapters.select([None if name == base else name for name in names])

    def _set_loading(self, message: str, *values: object) -> None:
        """Show what is being loaded: in /health and in the log."""
        self.state = EngineState("loading", message % values)
        _log.info(message, *values)


def _seconds_since(start: float) -> float:
    return time.monotonic() - start
