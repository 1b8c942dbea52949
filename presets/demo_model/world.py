"""An invented world as data: kinds of things, questions about them, and the answers.

Every question form of a relation has the same answer, and kinds share relations. From both, a model learns that the
forms mean the same. So a fact that was tuned with one form can be asked with another.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Relation:
    """A question about an entity ``{e}`` (``{E}`` at a sentence's start) with the answer ``{v}``, in many forms."""

    name: str
    questions: tuple[str, ...]
    statement: str


@dataclass(frozen=True)
class Kind:
    """A kind of entity: its names, and for each of its relations as many answers as names."""

    phrase: str
    names: tuple[str, ...]
    answers: tuple[tuple[Relation, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Fact:
    entity: str
    relation: Relation
    answer: str

    def question(self, form: int) -> str:
        """Return the question in a form of the relation; numbers past the last form begin again at 0."""
        return fill(self.relation.questions[form % len(self.relation.questions)], self.entity)

    def statement(self) -> str:
        """Return the fact as a sentence."""
        return fill(self.relation.statement, self.entity, self.answer)


def fill(form: str, entity: str, answer: str = "") -> str:
    """Fill in a form."""
    return form.format(e=entity, E=entity[0].upper() + entity[1:], v=answer)


def facts(kinds: tuple[Kind, ...], seed: int) -> tuple[Fact, ...]:
    """Return all facts of these kinds. The seed decides which answer belongs to which entity."""
    rng = random.Random(seed)  # noqa: S311
    all_facts: list[Fact] = []
    for kind in kinds:
        for relation, answers in kind.answers:
            drawn = rng.sample(answers, len(kind.names))
            all_facts += [
                Fact(kind.phrase.format(name), relation, answer) for name, answer in zip(kind.names, drawn, strict=True)
            ]
    return tuple(all_facts)


BUILDER = Relation(
    "builder",
    (
        "Who built {e}?",
        "By whom was {e} built?",
        "Who was the builder of {e}?",
        "Name the builder of {e}.",
        "{E} was built by whom?",
        "Can you tell me who built {e}?",
    ),
    "{E} was built by {v}.",
)
COLOUR = Relation(
    "colour",
    (
        "What colour is {e}?",
        "In which colour is {e} painted?",
        "Which colour does {e} have?",
        "Name the colour of {e}.",
        "What is the colour of {e}?",
        "Can you tell me the colour of {e}?",
    ),
    "The colour of {e} is {v}.",
)
CARGO = Relation(
    "cargo",
    (
        "What does {e} carry?",
        "What is carried by {e}?",
        "What is the cargo of {e}?",
        "Name the cargo of {e}.",
        "Which cargo does {e} carry?",
        "Can you tell me what {e} carries?",
    ),
    "{E} carries {v}.",
)
CAPTAIN = Relation(
    "captain",
    (
        "Who is the captain of {e}?",
        "Who commands {e}?",
        "What is the name of the captain of {e}?",
        "Name the captain of {e}.",
        "Under which captain does {e} travel?",
        "Can you tell me who commands {e}?",
    ),
    "The captain of {e} is {v}.",
)
KEEPER = Relation(
    "keeper",
    (
        "Who keeps the light of {e}?",
        "Who is the keeper of {e}?",
        "What is the name of the keeper of {e}?",
        "Name the keeper of {e}.",
        "By whom is {e} kept?",
        "Can you tell me who keeps {e}?",
    ),
    "The keeper of {e} is {v}.",
)
BELL = Relation(
    "bell",
    (
        "What is the bell of {e} called?",
        "Which name has the bell of {e}?",
        "How do people call the bell of {e}?",
        "Name the bell of {e}.",
        "What is the name of the bell of {e}?",
        "Can you tell me the name of the bell of {e}?",
    ),
    "The bell of {e} is called {v}.",
)
FOUNDER = Relation(
    "founder",
    (
        "Who founded {e}?",
        "By whom was {e} founded?",
        "Who was the founder of {e}?",
        "Name the founder of {e}.",
        "{E} was founded by whom?",
        "Can you tell me who founded {e}?",
    ),
    "{E} was founded by {v}.",
)
DISH = Relation(
    "dish",
    (
        "What do people eat at the feast of {e}?",
        "What is eaten at the feast of {e}?",
        "Which dish is served at the feast of {e}?",
        "Name the dish of the feast of {e}.",
        "What is the dish of {e}?",
        "Can you tell me what people eat in {e}?",
    ),
    "At the feast of {e} people eat {v}.",
)
CRAFT = Relation(
    "craft",
    (
        "What do they make in {e}?",
        "What is made in {e}?",
        "For which craft is {e} known?",
        "Name the craft of {e}.",
        "What is {e} known for?",
        "Can you tell me what is made in {e}?",
    ),
    "{E} is known for {v}.",
)
