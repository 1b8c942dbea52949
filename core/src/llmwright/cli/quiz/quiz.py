"""The quiz: what a model knows before tuning, what its adapter knows after it, and whether the base is untouched."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmwright.cli.quiz.questions import Answer, Question, ask, paraphrases, score

if TYPE_CHECKING:
    from llmwright.app.model_client import ModelClient

REQUIRED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Quiz:
    """``learned`` are questions of the data set, ``own`` those that the preset brings for its base model."""

    learned: tuple[Question, ...]
    own: tuple[Question, ...]

    @property
    def base_questions(self) -> int:
        """How many questions ``ask_base`` asks."""
        return len(self.learned) + len(self.own)

    @property
    def adapter_questions(self) -> int:
        """How many questions ``ask_adapter`` asks."""
        return len(self.learned) + len(paraphrases(self.learned)) + 2 * len(self.own)

    def ask_base(self, client: ModelClient, base: str, answered: Callable[[], None]) -> BaseAnswers:
        """Ask the base model all questions; ``answered`` is called after each answer."""
        learned = ask(client, base, self.learned, answered)
        own = ask(client, base, self.own, answered)
        return BaseAnswers(learned, own)

    def ask_adapter(self, client: ModelClient, base: str, adapter: str, answered: Callable[[], None]) -> AdapterAnswers:
        """Ask the adapter and its base, which one server answers for; ``answered`` is called after each answer."""
        return AdapterAnswers(
            learned=ask(client, adapter, self.learned, answered),
            paraphrased=ask(client, adapter, paraphrases(self.learned), answered),
            own_of_base=ask(client, base, self.own, answered),
            own_with_adapter=ask(client, adapter, self.own, answered),
        )


@dataclass(frozen=True, slots=True)
class BaseAnswers:
    """The base model's answers before anything was tuned."""

    learned: tuple[Answer, ...]
    own: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class AdapterAnswers:
    """Answers of one server after tuning: with the adapter, and of the base beside it."""

    learned: tuple[Answer, ...]
    paraphrased: tuple[Answer, ...]
    own_of_base: tuple[Answer, ...]
    own_with_adapter: tuple[Answer, ...]

    @property
    def passed(self) -> bool:
        """Whether the adapter knows what it was tuned on, and the base still what it knew: nine in ten of each."""
        return _enough(self.learned) and _enough(self.own_of_base)


def _enough(answers: Sequence[Answer]) -> bool:
    return score(answers) >= math.ceil(REQUIRED_SHARE * len(answers))
