"""Presets of models that no pack has: described once, from a directory, the hub's cache or the hub."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from llmwright.errors import LLMwrightError

if TYPE_CHECKING:
    from llmwright.values.preset import Preset

REMEMBERED_SECONDS = 60.0
"""One command asks for a model several times, and a hub may take its time for each answer."""


class DescribedModels:
    """Asks for descriptions, and remembers each answer for a minute, a refusal too.

    ``allow`` is the setting ``sources.allow``: the addresses that a hub may lead to though they are not public.
    """

    def __init__(self, allow: tuple[str, ...], clock: Callable[[], float] = time.monotonic) -> None:
        self._allow = allow
        self._clock = clock
        self._answers: dict[str, tuple[float, Preset | LLMwrightError]] = {}

    def preset(self, name: str) -> Preset:
        """Return the preset of the model ``name``. Raises as ``describe`` does."""
        from llmwright.catalogue.model_description import describe

        if name.startswith("file:"):
            return describe(name)
        until, answer = self._answers.get(name, (0.0, None))
        if answer is None or until < self._clock():
            answer = self._ask(name)
            self._answers[name] = self._clock() + REMEMBERED_SECONDS, answer
        if isinstance(answer, LLMwrightError):
            raise answer
        return answer

    def _ask(self, name: str) -> Preset | LLMwrightError:
        from llmwright.artifacts.addresses import SourceRules
        from llmwright.artifacts.hub_client import GuardedHubClient
        from llmwright.catalogue.model_description import describe

        try:
            with GuardedHubClient(SourceRules(self._allow)) as hub:
                return describe(name, client=hub)
        except LLMwrightError as error:
            return error
