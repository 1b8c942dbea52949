"""The interface between HTTP and the model: jobs in, events out. No torch here.

``Engine`` is all that the HTTP side knows of the model side. A new engine (one that batches requests, say) implements
it, and ``uvicorn_server`` makes it.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from llmwright.errors import LLMwrightError
from llmwright_runtime_hf.serve.engine.served_names import Names
from llmwright_runtime_hf.serve.serve_options import AdapterSpec

if TYPE_CHECKING:
    from llmwright_runtime_hf.serve.engine.answer_parts import PartMarks
    from llmwright_runtime_hf.serve.engine.guides import Guide
    from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel

LEAST_PENALTY = 1e-6
"""The least repetition penalty: logits that are divided by less are no numbers, and a GPU's process ends over those."""
_GREEDY_BELOW = 1e-5

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Part:
    """The use of a text of an answer: content for the user, reasoning before it, or arguments of a call of ``tool``.

    ``number`` tells the calls of one answer apart.
    """

    kind: Literal["content", "reasoning", "call"] = "content"
    tool: str = ""
    number: int = 0


CONTENT = Part()
REASONING = Part("reasoning")


class TextRefusedError(ValueError):
    """The tokenizer has no token for a part of the text."""


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How a token is chosen; each default but the temperature's changes nothing, and ``temperature`` 0 is greedy.

    ``bias`` is added to the logits of some tokens; where ``allowed`` names tokens, no other is chosen.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    typical_p: float = 1.0
    repetition_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    no_repeat_ngram: int = 0
    bias: tuple[tuple[int, float], ...] = ()
    allowed: tuple[int, ...] = ()
    seed: int | None = None

    @property
    def greedy(self) -> bool:
        return self.temperature < _GREEDY_BELOW


@dataclass(frozen=True, slots=True)
class Job:
    """One generation: ``model`` is a served name, ``prompt`` token ids, ``max_tokens`` fits the context.

    The answer ends before the first of the strings ``stop`` (after it with ``keep_stop``) and at the first of
    ``end_tokens``, but not within ``min_tokens``. ``special`` shows special tokens. With ``logprobs`` each token of the
    text comes with its log-probability and those of that many likeliest ones. A ``guide`` leaves answers of its shape.
    With ``parts`` those of the answer are told apart by these marks: stop strings are sought in its content, which with
    ``guides_content`` is what has the guide's shape.
    """

    model: str
    prompt: tuple[int, ...]
    max_tokens: int
    stop: tuple[str, ...] = ()
    end_tokens: frozenset[int] = frozenset()
    min_tokens: int = 0
    keep_stop: bool = False
    special: bool = False
    sampling: SamplingParams = SamplingParams()
    logprobs: int | None = None
    guide: Guide | None = None
    parts: PartMarks | None = None
    guides_content: bool = False


@dataclass(frozen=True, slots=True)
class TokenScore:
    """A token that could be chosen: its text, which may be a part of a character, and its log-probability.

    ``data`` are the bytes of the text.
    """

    token: int
    text: str
    data: bytes
    logprob: float


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """A token of the answer. ``offset`` is where its text begins, in characters; ``top`` are the likeliest, best first.

    The log-probabilities are those of the model's own logits, before penalties, temperature and other rules.
    """

    chosen: TokenScore
    offset: int
    top: tuple[TokenScore, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer: whole characters, no part of a stop string. ``tokens`` are those that begin in it.

    Without ``tokens`` it is never empty, but for the first of a call.
    """

    text: str
    tokens: tuple[ScoredToken, ...] = ()
    part: Part = CONTENT


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is complete. ``completion_tokens`` counts every generated token, also the one that ended it.

    ``reasoning_tokens`` are those of them whose text is reasoning.
    """

    reason: FinishReason
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer, or no complete one. ``status`` is the HTTP status to send."""

    message: str
    status: int = 500


Event = Text | Finished | Failed


@dataclass(frozen=True, slots=True)
class EngineState:
    """The phase of the engine. ``reason`` explains why it does not answer; it is empty when ready."""

    phase: Literal["loading", "ready", "stopping", "failed", "stopped"]
    reason: str = ""


class JobHandle:
    """A job that was submitted. The engine calls ``sink`` with its events, in the model thread; it must be quick."""

    def __init__(self, job: Job, sink: Callable[[Event], None]) -> None:
        self.job = job
        self.sink = sink
        self.variant = ""
        """The key of the adapter that its name meant when the engine took it; empty for the base."""
        self.submitted = time.monotonic()
        self.first_token: float | None = None
        self.last_token: float | None = None
        self.deadline = math.inf
        """By ``time.monotonic``: an answer that is not complete then ends."""
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Stop this job at the next token. Callable from any thread, also after the job has ended."""
        self._cancelled.set()

    @property
    def cancelled(self) -> bool:
        return self._cancelled.is_set()


class Stateful(Protocol):
    """Something that has a phase."""

    @property
    def state(self) -> EngineState:
        """The phase, and why it does not answer."""


class Engine(Protocol):
    """Loads the models, then generates for submitted jobs. Every method is callable from any thread."""

    loaded: LoadedModel | None
    """Set while ``state`` is ready."""
    failure: LLMwrightError | None
    """Why the models could not be served; set when ``state`` is failed."""

    def start(self, on_ready: Callable[[], None], on_failure: Callable[[], None]) -> None:
        """Begin to load. Call it once. The engine calls one of the two functions when loading ends."""

    @property
    def served(self) -> Names:
        """The names that requests may give."""

    @property
    def state(self) -> EngineState:
        """The phase, and why it does not answer."""

    @property
    def idle(self) -> bool:
        """Whether no job is under way."""

    @property
    def full(self) -> bool:
        """Whether as many requests wait as may."""

    def submit(self, job: Job, sink: Callable[[Event], None]) -> JobHandle:
        """Queue a job. Its sink gets Text events, then one Finished or Failed; after ``cancel`` perhaps none."""

    def load_adapter(self, spec: AdapterSpec) -> None:
        """Serve one more adapter, in place of that of the same name. Returns once it is served. One call at a time.

        Raises:
            LLMwrightError: it cannot be served, and nothing has changed.
        """

    def unload_adapter(self, name: str) -> None:
        """Serve an adapter no longer; requests that have begun go on."""

    def drain(self) -> None:
        """Refuse further jobs with status 503. Those under way go on."""

    def stop(self, timeout: float) -> None:
        """Fail running and queued jobs with status 503. Wait ``timeout`` seconds at most for the end."""
