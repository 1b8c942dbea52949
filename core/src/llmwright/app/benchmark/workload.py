"""``Workload``: the requests that a benchmark sends, and how many at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from llmwright.errors import ConfigError

Api = Literal["chat", "completions"]

LADDER = (1, 8, 32)
MOST_CLIENTS = 10_000
MOST_TOKENS = 10_000_000
MOST_SECONDS = 30 * 86_400
BOUNDS = {
    "requests": (1, 1_000_000_000),
    "duration_s": (0.001, MOST_SECONDS),
    "input_tokens": (1, MOST_TOKENS),
    "output_tokens": (1, MOST_TOKENS),
    "warmup": (0, 1000),
    "timeout_s": (0.001, MOST_SECONDS),
    "temperature": (0, 2),
}
FEWEST_REQUESTS = 10
REQUESTS_PER_CLIENT = 3


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt: its text, or its messages; ``fields`` are further fields of its request."""

    text: str = ""
    messages: tuple[Mapping[str, Any], ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Workload:
    """The load: a ladder of concurrency, and the same kind of request on each of its levels.

    Args:
        concurrency: the levels: how many requests are under way at a time.
        requests: how many are measured on each level; by default 3 for each client, and 10 at least.
        duration_s: no request begins later than that, in seconds from the level's start; those under way end.
        input_tokens: tokens of a prompt, as the server counts them; for prompts that are made here.
        output_tokens: tokens of an answer: ``max_tokens``.
        prompts: own prompts, taken in turn, in place of those that are made here.
        stream: ask for streams; without them there is no time to first token.
        api: ``chat`` asks ``/v1/chat/completions``, ``completions`` asks ``/v1/completions``.
        warmup: requests of each client before a level's measurement begins. They are not counted.
        timeout_s: a request without a whole answer by then has failed.
        seed: the seed of the prompts that are made here.
        temperature: 0 is greedy.
        ignore_eos: ask for answers of full length; by default for prompts that are made here. Where the server refuses
            the field, it is left out, and the result says so.

    Raises:
        ConfigError: a value that cannot be.
    """

    concurrency: tuple[int, ...] = LADDER
    requests: int | None = None
    duration_s: float | None = None
    input_tokens: int = 128
    output_tokens: int = 128
    prompts: tuple[Prompt, ...] = ()
    stream: bool = True
    api: Api = "chat"
    warmup: int = 1
    timeout_s: float = 600.0
    seed: int = 0
    temperature: float = 0.0
    ignore_eos: bool | None = None

    def __post_init__(self) -> None:
        if not self.concurrency or not all(1 <= level <= MOST_CLIENTS for level in self.concurrency):
            raise ConfigError(f"concurrency: each level is a number from 1 to {MOST_CLIENTS:,}", hint="such as 1,8,32")
        if self.api not in ("chat", "completions"):
            raise ConfigError(f"api: {self.api!r} is neither chat nor completions")
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ConfigError(f"{name}: {value} is not between {least:g} and {most:,}")

    @property
    def full_length(self) -> bool:
        """Whether answers are to go on to ``output_tokens``, past the model's own end."""
        return not self.prompts if self.ignore_eos is None else self.ignore_eos

    def requests_on(self, concurrency: int) -> int | None:
        """Return how many requests a level measures; None where only the duration ends it."""
        if self.requests is None and self.duration_s is not None:
            return None
        return self.requests or max(FEWEST_REQUESTS, REQUESTS_PER_CLIENT * concurrency)


class WorkloadOptions(TypedDict, total=False):
    """The fields of a ``Workload`` but for its prompts, as keyword arguments."""

    concurrency: tuple[int, ...]
    requests: int | None
    duration_s: float | None
    input_tokens: int
    output_tokens: int
    stream: bool
    api: Api
    warmup: int
    timeout_s: float
    seed: int
    temperature: float
    ignore_eos: bool | None
