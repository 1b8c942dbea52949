"""The engine: one thread that loads the model, tests it, then serves jobs one at a time in order of arrival."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from llmwright.errors import LLMwrightError, TargetError
from llmwright_runtime_hf.serve.engine.interface import EngineState, Event, Failed, Finished, Job, JobHandle
from llmwright_runtime_hf.serve.serve_options import ServeOptions
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

if TYPE_CHECKING:
    from llmwright_runtime_hf.serve.engine.lora_adapters import AdapterSwitch
    from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel

_log = logging.getLogger("llmwright.serve")
_SHUTTING_DOWN = Failed("the server is shutting down", status=503)


class ModelThread:
    """An ``Engine`` for one job at a time. Only its own thread touches the model, so the model needs no lock."""

    def __init__(self, options: ServeOptions, metrics: ServerMetrics) -> None:
        self._options = options
        self._metrics = metrics
        self._jobs: queue.SimpleQueue[JobHandle | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._adapters: AdapterSwitch | None = None
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
        self._export_model_info(loaded)
        # ``loaded`` first, then ready: a request that sees ready uses ``loaded`` at once.
        self.loaded = loaded
        self.state = EngineState("ready")
        self._on_ready()

    def _attach_adapters(self, loaded: LoadedModel) -> None:
        if not self._options.adapters:
            return
        self._set_loading("loading adapters: %s", ", ".join(adapter.name for adapter in self._options.adapters))
        from llmwright_runtime_hf.serve.engine.lora_adapters import attach_adapters

        self._adapters = attach_adapters(loaded.model, self._options.adapters)

    def _warm_up(self, loaded: LoadedModel) -> None:
        from llmwright_runtime_hf.serve.engine.generation import warm_up

        # The base last, so that the base is selected when the first request comes.
        for name in reversed(self._options.model_names):
            self._set_loading("generating a first token with %s", name)
            self._select(name)
            warm_up(loaded, name)

    def _export_model_info(self, loaded: LoadedModel) -> None:
        base, *adapters = self._options.model_names
        for name, parent in ((base, ""), *((adapter, base) for adapter in adapters)):
            labels = (name, parent, loaded.dtype, self._options.quantization, str(loaded.context))
            self._metrics.model_info.labels(*labels).set(1)

    def _serve(self) -> None:
        while (handle := self._jobs.get()) is not None:
            self._metrics.waiting.dec()
            if self._stopping.is_set():
                handle.sink(_SHUTTING_DOWN)
            elif not handle.cancelled:
                with self._metrics.running.track_inprogress():
                    self._run_job(handle)
        self.state = EngineState("stopped", _SHUTTING_DOWN.message)

    def _run_job(self, handle: JobHandle) -> None:
        try:
            self._select(handle.job.model)
            self._generate(handle)
        except Exception:
            # One request with a bug must not end the thread, and with it the server for everybody.
            _log.exception("a request to %s failed by a bug", handle.job.model)
            handle.sink(Failed("internal error while generating, see the server's log"))

    def _generate(self, handle: JobHandle) -> None:
        from llmwright_runtime_hf.serve.engine.generation import generate
        from llmwright_runtime_hf.serve.engine.sampling import NoTokenLeftError

        assert self.loaded is not None
        model = handle.job.model
        tokens = self._metrics.completion_tokens.labels(model)

        def on_token(count: int) -> None:
            tokens.inc()
            if count == 1:
                self._metrics.prompt_tokens.labels(model).inc(len(handle.job.prompt))
                self._metrics.first_token.labels(model).observe(_seconds_since(handle.submitted))

        events = generate(self.loaded, handle.job, lambda: handle.cancelled or self._stopping.is_set(), on_token)
        try:
            for event in events:
                if isinstance(event, Finished):
                    # The metrics first: a client that reads /metrics right after its answer finds itself counted.
                    self._metrics.duration.labels(model).observe(_seconds_since(handle.submitted))
                handle.sink(event)
                if isinstance(event, Finished):
                    return
        except NoTokenLeftError:
            handle.sink(Failed("the request's own rules leave no token to generate", status=400))
            return
        if self._stopping.is_set():
            handle.sink(_SHUTTING_DOWN)

    def _select(self, model: str) -> None:
        if self._adapters is not None:
            self._adapters.select(None if model == self._options.served_model_name else model)

    def _set_loading(self, message: str, *values: object) -> None:
        """Show what is being loaded: in /health and in the log."""
        self.state = EngineState("loading", message % values)
        _log.info(message, *values)


def _seconds_since(start: float) -> float:
    return time.monotonic() - start
