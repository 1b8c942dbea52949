"""A server that runs, as the laws of its answers see it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from llmwright.plugins.drivers import Capabilities
from llmwright.testing.http_answers import Answer, Client

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
QUESTION = [{"role": "user", "content": "What colour is the ship Hollow Crown? Say it in one or two words."}]


@dataclass(frozen=True)
class ServedModel:
    """A server that answers: its ``client`` has its key, ``model`` and ``adapters`` are served names.

    ``able`` is what its runtime declares. ``keeps_key``: it has to refuse whoever lacks the key. ``context`` is the
    number of tokens that question and answer may have together, ``load_metrics`` are as the runtime declares them.
    ``hot_adapter`` is the directory of an adapter that fits, beneath one of its ``adapterDirectories``; None where it
    was started without these.
    """

    client: Client
    model: str
    adapters: tuple[str, ...]
    able: Capabilities
    keeps_key: bool
    context: int
    load_metrics: tuple[str, ...] = ()
    hot_adapter: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All served names."""
        return (self.model, *self.adapters)

    def chat(self, **body: Any) -> Answer:
        """Ask the model, greedily: the question of the contract, unless ``messages`` are among the fields of ``body``.

        Raises:
            OSError: no answer.
        """
        return self.client.post(CHAT, {"model": self.model, "messages": QUESTION, "temperature": 0, **body})

    def complete(self, **body: Any) -> Answer:
        """Have the model continue a text, greedily.

        Raises:
            OSError: no answer.
        """
        return self.client.post(COMPLETIONS, {"model": self.model, "prompt": "The ship", "temperature": 0, **body})


def chunks_of(answer: Answer) -> list[Any]:
    """Return the events of a stream before its end as JSON; one that is no JSON is None."""
    return [replace(answer, body=event.encode()).json for event in answer.events[:-1]]


def choices_of(answer: Answer) -> list[dict[str, Any]]:
    """Return the choices of all events of a stream."""
    return [choice for chunk in chunks_of(answer) for choice in (chunk or {}).get("choices") or []]


def text_of(answer: object) -> str:
    """Return what an answer says, empty where it has no choice."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    return str(choices[0]["message"]["content"]) if choices else ""
