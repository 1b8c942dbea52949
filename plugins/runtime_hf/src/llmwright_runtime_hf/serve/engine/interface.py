"""The values that pass between HTTP and the model thread: what to generate, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_GREEDY_BELOW = 1e-5

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """``temperature`` 0 is greedy; ``top_k`` 0, ``top_p`` 1 and ``repetition_penalty`` 1 change nothing."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int | None = None

    @property
    def greedy(self) -> bool:
        return self.temperature < _GREEDY_BELOW


@dataclass(frozen=True, slots=True)
class Job:
    """One generation: ``model`` is a served name, ``prompt`` token ids, ``max_tokens`` fits the context."""

    model: str
    prompt: tuple[int, ...]
    max_tokens: int
    stop: tuple[str, ...] = ()
    sampling: Sampling = Sampling()


@dataclass(frozen=True, slots=True)
class Text:
    """A piece of the answer: never empty, whole characters, no part of a stop string."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole. ``completion_tokens`` counts every token drawn, the one that ended it too."""

    reason: FinishReason
    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Failed:
    """No (whole) answer. ``status`` is the HTTP status that says why."""

    message: str
    status: int = 500


Event = Text | Finished | Failed
