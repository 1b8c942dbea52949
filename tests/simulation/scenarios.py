"""Schedules: what users and machines do and when, which faults there are, and what the users want in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from tests.simulation.acting import Pace
from tests.simulation.forms import FORMS, LENGTHS, Wish, first_wish
from tests.simulation.network import Faults
from tests.simulation.node_source import DEFAULT, NodeSource

FAULTS_S = 120.0
"""For how long faults meet the operator, and users change their mind."""
NAMES = ("a", "b", "c")
SHARES: Mapping[str, int] = {
    "serving": 5, "hf": 1, "vllm": 1, "large": 1, "pool": 1, "tuning": 3, "releasing": 1, "brought": 2, "cloud": 2,
    "racks": 2,
}  # fmt: skip
EDITS = (
    "scale", "scale", "length", "label", "rollout", "delete", "delete", "delete", "runtime", "runtime", "options",
    "options", "provisioner", "provisioner",
)  # fmt: skip
RUNTIMES = ("", "hf", "vllm")
PROVISIONERS = ("", "byo", "karpenter", "racks", "acme")
OPTIONS: Mapping[str, tuple[Mapping[str, str], ...]] = {
    DEFAULT: (
        {"mode": "nodepool"},
        {"mode": "nodeclaim"},
        {"capacityType": "spot"},
        {"mode": "nodepool", "capacityType": "spot"},
        {},
    ),
    "racks": ({"power": "high"}, {"row": "2"}, {"row": "2", "power": "high"}, {"power": "low"}, {}),
}
"""What users write as the options of each provisioner that has some."""
ACCIDENTS = ("lose node", "vanish", "away", "compact", "kill", "lag", "no capacity", "sold out")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that somebody does, ``at`` seconds after the start. ``form`` is that of a Workspace that is made."""

    at: float
    action: str
    name: str = ""
    value: int = 0
    form: str = ""

    def __str__(self) -> str:
        return f"{self.at:.2f} s: {self.action} {self.name} {self.form} {self.value or ''}".rstrip()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A schedule: the same seed, steps and faults give the same run."""

    seed: int
    mode: str
    steps: tuple[Step, ...]
    faults: Faults
    pace: Pace = field(default_factory=Pace)
    preflight: bool = False
    unreliable: float = 0.0

    @property
    def wishes(self) -> dict[str, Wish]:
        """Each Workspace that is there in the end."""
        wishes: dict[str, Wish] = {}
        brought: dict[str, int] = {}
        for step in self.steps:
            if step.action == "bring":
                brought[step.name] = brought.get(step.name, 0) + step.value
            elif step.action == "delete":
                wishes.pop(step.name, None)
            elif step.action == "apply":
                wishes[step.name] = first_wish(step.form, step.value)
            elif step.name in wishes:
                wishes[step.name] = edited(wishes[step.name], step)
        return {name: wish.changed(brought=brought.get(name, 0)) for name, wish in wishes.items()}


def edited(wish: Wish, step: Step) -> Wish:
    """Return a wish after a step of its user."""
    form = FORMS[wish.form]
    if step.action == "scale" and not form.tunes and step.value <= form.most:
        return wish.changed(replicas=step.value)
    if step.action == "length" and form.lengths:
        return wish.changed(length=LENGTHS[step.value % len(LENGTHS)])
    if step.action == "bad data" and form.tunes:
        return wish.changed(fails=True)
    if step.action == "runtime" and not form.tunes:
        return wish.changed(runtime=RUNTIMES[step.value % len(RUNTIMES)])
    if step.action == "provisioner":
        return wish.changed(source=NodeSource(PROVISIONERS[step.value % len(PROVISIONERS)]))
    if step.action == "options":
        name = wish.source.provisioner
        choices = OPTIONS.get(name or DEFAULT, ({},))
        return wish.changed(source=NodeSource(name, choices[step.value % len(choices)]))
    if step.action == "put back":
        return wish.changed(source=form.source)
    return wish


def scenario(seed: int) -> Scenario:
    """Return the schedule of a seed."""
    random = Random(f"scenario {seed}")
    faults = Faults(
        refused=random.choice((0.0, 0.05, 0.2)),
        lost=random.choice((0.0, 0.05, 0.1)),
        dropped=random.choice((0.0, 0.05)),
        slow=random.choice((0.0, 0.05, 0.3)),
        slow_s=random.choice((1.0, 5.0, 20.0)),
        broken_watch=random.choice((0.0, 0.02, 0.1)),
        killed=random.choice((0.0, 0.0, 0.01, 0.05)),
    )
    machine = random.choice(((1.0, 5.0), (1.0, 60.0), (30.0, 90.0)))
    return Scenario(
        seed,
        random.choice(("nodeclaim", "nodeclaim", "nodepool")),
        tuple(sorted(_steps(random), key=lambda step: step.at)),
        faults,
        Pace(machine=machine),
        random.random() < 0.3,
        random.choice((0.0, 0.0, 0.2)),
    )


def _steps(random: Random) -> Iterator[Step]:
    for name in NAMES[: random.randint(1, 3)]:
        yield from _of_user(random, name)
    for action in random.sample(ACCIDENTS, random.choice((0, 0, 1, 2))):
        at = random.uniform(0.0, FAULTS_S)
        yield Step(at, action, "", random.randint(1, 5))
        if action == "no capacity":
            yield Step(random.uniform(at, FAULTS_S), "capacity")


def _of_user(random: Random, name: str) -> Iterator[Step]:
    """Yield what the user of one name does: a Workspace, and what they think of after that."""
    start = random.uniform(0.0, 5.0)
    yield from _made(random, name, start)
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        at = random.uniform(start, random.choice((start + 5.0, FAULTS_S)))
        action = random.choice(EDITS)
        yield Step(at, action, name, random.randint(1, 3 if action == "scale" else 30))
        if action == "delete" and random.random() < 0.5:
            yield from _made(random, name, random.uniform(at, FAULTS_S))
        elif action in ("options", "provisioner") and random.random() < 0.3:
            yield Step(random.uniform(at, FAULTS_S), "put back", name)
        elif action == "provisioner" and random.random() < 0.5:
            yield Step(random.uniform(0.0, FAULTS_S), "bring", name, random.choice((1, 2, 3)))


def _made(random: Random, name: str, at: float) -> Iterator[Step]:
    form = random.choices([*SHARES], [*SHARES.values()])[0]
    replicas = random.choice((1, 1, 2)) if FORMS[form].most > 1 else 1
    yield Step(at, "apply", name, replicas, form)
    if FORMS[form].tunes and random.random() < 0.2:
        yield Step(at + 0.01, "bad data", name)
    if FORMS[form].source.provisioner == "byo":
        for _ in range(random.choice((1, 1, 2))):
            yield Step(random.uniform(0.0, FAULTS_S), "bring", name, random.choice((1, 2, 3)))
