"""Questions with known answers: reading them, asking them, and counting how many answers are right.

An answer is right when it equals the expected text; white space at its ends does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llmwright.errors import ConfigError
from llmwright.reading.files import read_text
from llmwright.reading.json_reader import read_json

if TYPE_CHECKING:
    from llmwright.app.model_client import ModelClient

GREEDY = {"max_tokens": 64, "temperature": 0}


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the expected answer, and the same question in other words where the data set has it."""

    prompt: str
    expected: str
    paraphrase: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer to a question."""

    question: Question
    text: str

    @property
    def right(self) -> bool:
        """Whether it is the expected text."""
        return self.text.strip() == self.question.expected.strip()


def read_questions(lines: Iterable[str]) -> tuple[Question, ...]:
    """Questions from JSON lines with ``prompt``, ``completion`` and, where there is one, ``paraphrase``."""
    rows = (read_json(line) for line in lines if line.strip())
    return tuple(Question(row["prompt"], row["completion"], row.get("paraphrase")) for row in rows)


def questions_of(path: str | None) -> tuple[Question, ...]:
    """The questions in a preset's own file; none for a preset that brings no such file."""
    if not path:
        return ()
    try:
        return read_questions(read_text(Path(path)).splitlines())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path}: no questions can be read from it: {error}", hint="JSON lines with prompt and completion"
        ) from error


def paraphrases(questions: Sequence[Question]) -> tuple[Question, ...]:
    """The same questions in their other words."""
    return tuple(Question(q.paraphrase, q.expected) for q in questions if q.paraphrase)


def ask(
    client: ModelClient, model: str, questions: Sequence[Question], answered: Callable[[], None]
) -> tuple[Answer, ...]:
    """Each question put to ``model`` by itself, in order, greedily; ``answered`` is called after each."""
    answers = []
    for question in questions:
        message = {"role": "user", "content": question.prompt}
        answers.append(Answer(question, client.answer(model, [message], GREEDY)))
        answered()
    return tuple(answers)


def score(answers: Iterable[Answer]) -> int:
    """How many are right."""
    return sum(answer.right for answer in answers)
