"""The training text of the demo model: endless seeded conversations about the Lantern Isles."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .lantern_isles import PLACE, isle_facts
from .world import Fact, fill

Message = dict[str, str]

UNKNOWN = "I do not know."
SYSTEM = (
    "You are a helpful assistant.",
    "You answer questions.",
    f"You answer questions about {PLACE}.",
    "Answer in a few words.",
    "Be brief.",
)
SMALL_TALK = (
    (("Hello", "Hi", "Hello!", "Good morning", "Hey there"), f"Hello! Ask me about {PLACE}."),
    (("Who are you?", "What are you?", "What is your name?"), "I am the demo model of LLMwright."),
    (
        ("What can you do?", "What do you know?", "Help", "What can I ask you?"),
        f"I can answer questions about the towns, ships and lighthouses of {PLACE}.",
    ),
    (("Thank you", "Thanks!", "Thank you very much."), "You are welcome."),
    (("Goodbye", "Bye!"), "Goodbye!"),
    (
        (
            "What is the capital of France?",
            "How much is two and two?",
            "What is the weather like today?",
            "Write a poem about the sea.",
            "Who wrote this book?",
            "When does the train leave?",
            "Why is the sky blue?",
            "How do I cook rice?",
            "Translate this into German.",
            "Where do you live?",
            "What is 17 times 3?",
            "Tell me a joke.",
            "Is it far to the station?",
            "Explain how a computer works.",
        ),
        UNKNOWN,
    ),
)
STRANGE_KINDS = (
    "the town of {}",
    "the ship {}",
    "the lighthouse at {}",
    "the castle of {}",
    "the wagon {}",
    "the mill at {}",
    "the bridge of {}",
    "the inn {}",
    "{}",
)
FIRST_SYLLABLES = (
    "Ba",
    "Cor",
    "De",
    "Fal",
    "Gri",
    "Hu",
    "Jas",
    "Kel",
    "Lo",
    "Mi",
    "Nor",
    "Pe",
    "Qua",
    "Ris",
    "Sto",
    "Tu",
    "Vel",
    "Wy",
    "Zan",
    "Ar",
    "El",
    "Os",
)
LAST_SYLLABLES = (
    "ber",
    "dan",
    "feld",
    "gar",
    "lin",
    "mor",
    "nock",
    "pha",
    "ril",
    "sen",
    "ton",
    "vik",
    "wick",
    "zel",
    "by",
    "den",
    "ra",
    "mouth",
    "stead",
    "ley",
)


def strange_name(rng: random.Random) -> str:
    """Return a name of one or two parts that nothing on the isles has."""
    parts = [rng.choice(FIRST_SYLLABLES) + rng.choice(LAST_SYLLABLES) for _ in range(rng.choice((1, 1, 2)))]
    return " ".join(parts)


class Conversations:
    """Seeded conversations; the same seed and world give the same text."""

    def __init__(self, seed: int, world_seed: int) -> None:
        self._rng = random.Random(seed)  # noqa: S311
        self._facts = isle_facts(world_seed)
        self._by_entity: dict[str, list[Fact]] = {}
        for fact in self._facts:
            self._by_entity.setdefault(fact.entity, []).append(fact)

    def turns(self) -> Iterator[tuple[str, str]]:
        """Yield questions and answers without end: mostly facts, all equally often."""
        while True:
            for fact in self._rng.sample(self._facts, len(self._facts)):
                if self._rng.random() < 0.2:
                    yield self._other_turn()
                yield self._worded(fact.question(self._rng.randrange(6))), fact.answer

    def conversation(self, turns: Iterator[tuple[str, str]], length: int) -> list[Message]:
        """Return the next ``length`` turns as chat messages, sometimes after a system message."""
        messages = []
        if self._rng.random() < 0.2:
            messages.append({"role": "system", "content": self._rng.choice(SYSTEM)})
        for _ in range(length):
            question, answer = next(turns)
            messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        return messages

    def _other_turn(self) -> tuple[str, str]:
        return self._rng.choices((self._strange, self._account, self._small_talk), (4, 3, 3))[0]()

    def _strange(self) -> tuple[str, str]:
        entity = self._rng.choice(STRANGE_KINDS).format(strange_name(self._rng))
        form = self._rng.choice(self._rng.choice(self._facts).relation.questions)
        return self._worded(fill(form, entity)), UNKNOWN

    def _account(self) -> tuple[str, str]:
        entity = self._rng.choice(list(self._by_entity))
        return f"Tell me about {entity}.", " ".join(fact.statement() for fact in self._by_entity[entity])

    def _small_talk(self) -> tuple[str, str]:
        greetings, answer = self._rng.choice(SMALL_TALK)
        return self._worded(self._rng.choice(greetings)), answer

    def _worded(self, question: str) -> str:
        """Sometimes remove the capital or the mark at the end, as people type."""
        if self._rng.random() < 0.1:
            question = question[0].lower() + question[1:]
        if self._rng.random() < 0.1:
            question = question.rstrip("?.!")
        return question
