"""The one thread that touches the model: loads it, proves that it answers, then serves jobs in order of arrival."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from llmwright.errors import LLMwrightError, TargetError
from llmwright_runtime_hf.serve.engine.interface import Event, Failed, Finished, Job
from llmwright_runtime_hf.serve.serve_options import ServeOptions
from llmwright_runtime_hf.serve.server_metrics import Metrics

if TYPE_CHECKING:
    from llmwright_runtime_hf.serve.engine.lora_adapters import AdapterSwitch
    from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel

_log = logging.getLogger("llmwright.serve")
_SHUTTING_DOWN = Failed("the server is shutting down", status=503)


@dataclass(frozen=True, slots=True)
class State:
    """Where the engine is, and why it does not answer (empty when it does)."""

    phase: Literal["loading", "ready", "failed", "stopped"]
    reason: str = ""


class Ticket:
    """A job in the engine. ``sink`` gets its events, called in the model thread; it must be quick."""

    def __init__(self, job: Job, sink: Callable[[Event], None]) -> None:
        self.job = job
        self.sink = sink
        self.submitted = time.monotonic()
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Nobody waits for the answer any more: stop at the next token."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()


class Engine:
    """``start`` it once; then ``submit`` from any thread while ``state`` is ready; ``stop`` ends what is under way."""

    def __init__(self, options: ServeOptions, metrics: Metrics) -> None:
        self._options = options
        self._metrics = metrics
        self._jobs: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._adapters: AdapterSwitch | None = None
        self._on_ready: Callable[[], None] = lambda: None
        self._on_failure: Callable[[], None] = lambda: None
        self.loaded: LoadedModel | None = None
        self.state = State("loading", "importing the libraries")
        self.failure: LLMwrightError | None = None

    def start(self, on_ready: Callable[[], None], on_failure: Callable[[], None]) -> None:
        """Begin loading. One of the two is called, in the model thread, once that is decided."""
        self._on_ready = on_ready
        self._on_failure = on_failure
        self._thread.start()

    def submit(self, job: Job, sink: Callable[[Event], None]) -> Ticket:
        """Queue a job. Its sink gets Text events, then one Finished or Failed; after ``cancel`` perhaps none."""
        ticket = Ticket(job, sink)
        if self._stopping.is_set():
            sink(_SHUTTING_DOWN)
            return ticket
        self._metrics.waiting.inc()
        self._jobs.put(ticket)
        return ticket

    def stop(self, timeout: float) -> None:
        """Fail what runs and what waits with 503, and wait at most ``timeout`` seconds for the thread's end."""
        self._stopping.set()
        self._jobs.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        try:
            self._prepare()
            self._serve()
        except LLMwrightError as error:
            self.failure = error
            self.state = State("failed", error.message)
        except Exception:
            _log.exception("the model thread ended by a bug")
            self.failure = TargetError("the model thread ended by a bug", hint="the log has the traceback")
            self.state = State("failed", "internal error, see the log")
        if self.state.phase == "failed":
            self._on_failure()

    def _prepare(self) -> None:
        began = time.monotonic()
        from llmwright_runtime_hf.serve.engine.model_loading import load_model, quiet_libraries

        quiet_libraries(self._options.threads)
        self._note("loading the model %s", self._options.model)
        loaded = load_model(self._options)
        _log.info(
            "loaded %s (%s, %s) in %.1f s",
            self._options.served_model_name,
            loaded.dtype,
            loaded.model.device,
            _since(began),
        )
        self._attach_adapters(loaded)
        self._warm_up(loaded)
        self._tell_models(loaded)
        self.loaded = loaded
        self.state = State("ready")
        self._on_ready()

    def _attach_adapters(self, loaded: LoadedModel) -> None:
        if not self._options.adapters:
            return
        self._note("loading adapters: %s", ", ".join(adapter.name for adapter in self._options.adapters))
        from llmwright_runtime_hf.serve.engine.lora_adapters import attach_adapters

        self._adapters = attach_adapters(loaded.model, self._options.adapters)

    def _warm_up(self, loaded: LoadedModel) -> None:
        from llmwright_runtime_hf.serve.engine.generation import warm_up

        for name in reversed(self._options.model_names):
            self._note("generating a first token with %s", name)
            self._select(name)
            try:
                warm_up(loaded)
            except Exception as error:
                # Kernels refuse shapes, types and devices only when they run; that is the machine's word, not a bug.
                raise TargetError(
                    f"{name} is loaded and cannot generate: {error}",
                    hint="try another --dtype, --quantization or --device",
                ) from error

    def _tell_models(self, loaded: LoadedModel) -> None:
        base, *adapters = self._options.model_names
        for name, parent in ((base, ""), *((adapter, base) for adapter in adapters)):
            labels = (name, parent, loaded.dtype, self._options.quantization, str(loaded.context))
            self._metrics.model_info.labels(*labels).set(1)

    def _serve(self) -> None:
        while (ticket := self._jobs.get()) is not None:
            self._metrics.waiting.dec()
            if self._stopping.is_set():
                ticket.sink(_SHUTTING_DOWN)
            elif not ticket.cancelled:
                with self._metrics.running.track_inprogress():
                    self._answer(ticket)
        self.state = State("stopped", _SHUTTING_DOWN.message)

    def _answer(self, ticket: Ticket) -> None:
        try:
            self._select(ticket.job.model)
            self._generate(ticket)
        except Exception:
            _log.exception("a request to %s failed by a bug", ticket.job.model)
            ticket.sink(Failed("internal error while generating, see the server's log"))

    def _generate(self, ticket: Ticket) -> None:
        from llmwright_runtime_hf.serve.engine.generation import generate

        assert self.loaded is not None
        model = ticket.job.model
        tokens = self._metrics.completion_tokens.labels(model)

        def on_token(count: int) -> None:
            tokens.inc()
            if count == 1:
                self._metrics.prompt_tokens.labels(model).inc(len(ticket.job.prompt))
                self._metrics.first_token.labels(model).observe(_since(ticket.submitted))

        for event in generate(self.loaded, ticket.job, lambda: ticket.cancelled or self._stopping.is_set(), on_token):
            if isinstance(event, Finished):
                self._metrics.whole.labels(model).observe(_since(ticket.submitted))
            ticket.sink(event)
            if isinstance(event, Finished):
                return
        if self._stopping.is_set():
            ticket.sink(_SHUTTING_DOWN)

    def _select(self, model: str) -> None:
        if self._adapters is not None:
            self._adapters.select(None if model == self._options.served_model_name else model)

    def _note(self, message: str, *values: object) -> None:
        self.state = State("loading", message % values)
        _log.info(message, *values)


def _since(began: float) -> float:
    return time.monotonic() - began
