"""The world outside a provisioner: what really is there, and the harm that it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from llmwright.errors import TargetError
from llmwright.testing.presets import NOW


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One machine as it really is. ``name`` is what the driver calls its node.

    ``labels`` are those of the node, None where the world does not know them; ``instance_type`` is empty then.
    """

    name: str
    running: bool = True
    labels: Mapping[str, str] | None = None
    instance_type: str = ""


@dataclass
class World:
    """The world outside the driver. A driver with a cloud or cluster behind it gives a fake of that in its place.

    A fake that overrides ``truth`` holds the truth, and laws compare with it what the driver says. With ``lose``,
    ``break_new``, ``add_foreign`` and ``refuse`` it does harm, and laws ask what the driver makes of it.
    ``CloudWorld`` has them all, for a fake of a cloud that sells machines.
    """

    now: datetime = NOW
    scope: str = "default"

    def snapshot(self) -> Any:
        """The snapshot for ``observe``."""
        return None

    def tick(self) -> None:
        """Time passes, and what was asked for comes nearer."""
        self.now += timedelta(seconds=30)

    def truth(self) -> Sequence[Machine] | None:
        """Return every machine that is there and paid for, whoever asked for it; None where this world cannot tell."""
        return None

    def lose(self, name: str) -> bool:
        """Let the machine of that name end by itself; return False where this world cannot do that."""
        return False

    def break_new(self, broken: bool) -> bool:
        """Let each machine that comes from now on fail, or no longer; return False where this world cannot do that."""
        return False

    def add_foreign(self) -> str | None:
        """Add a machine that somebody else made; return its name, None where this world cannot do that."""
        return None

    def refuse(self, way: int) -> bool:
        """Refuse all that ``act`` asks for, in the way of that number; return False where there is no such way.

        Way 0 is no refusal. A cloud has several: no quota, no capacity, bad credentials, an answer that is no JSON.
        """
        return way == 0


@dataclass
class CloudMachine:
    """A machine of ``CloudWorld``: ``left`` ticks until it runs, and all that it was created with."""

    left: int
    failed: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class CloudWorld(World):
    """A cloud that sells machines, for the fake behind a driver's client.

    The fake translates: its answer to "create" calls ``create``, and so on. ``facts`` of a machine are what it was
    created with; ``labels`` and ``instance_type`` among them are compared with what was asked for.
    """

    capacity: int = 100
    slowness: int = 2
    """Ticks until a machine runs. The second, third and fourth of four take one, two and three more."""
    sold: dict[str, CloudMachine] = field(default_factory=dict)
    refusing: int = 0
    breaking: bool = False
    ways: Sequence[Exception] = (
        TargetError("the cloud's quota is used up", reason="QuotaExceeded"),
        TargetError("the cloud did not answer", reason="CloudUnreachable"),
    )
    """The errors of ``create`` and ``delete`` where they refuse, in the ways 1, 2 and so on."""

    def create(self, name: str, **facts: Any) -> CloudMachine:
        """Create a machine, unless there is one of that name; return it."""
        self._meet()
        if name not in self.sold:
            # One later than the other, as it is: a driver must not take the first for all.
            left = self.slowness + len(self.sold) % 4
            self.sold[name] = CloudMachine(left, self.breaking, dict(facts))
        return self.sold[name]

    def delete(self, name: str) -> bool:
        """Delete a machine; return False where there is none of that name."""
        self._meet()
        return self.sold.pop(name, None) is not None

    def state(self, name: str) -> str:
        """Return ``creating``, ``running`` or ``failed``."""
        machine = self.sold[name]
        return "creating" if machine.left else "failed" if machine.failed else "running"

    def tick(self) -> None:
        """Every machine is one tick nearer to running."""
        World.tick(self)
        for machine in self.sold.values():
            machine.left = max(0, machine.left - 1)

    def truth(self) -> Sequence[Machine]:
        """Every machine."""
        return [
            Machine(
                name=name,
                running=self.state(name) == "running",
                labels=machine.facts.get("labels"),
                instance_type=machine.facts.get("instance_type", ""),
            )
            for name, machine in self.sold.items()
        ]

    def lose(self, name: str) -> bool:
        """The machine is gone."""
        return self.sold.pop(name, None) is not None

    def break_new(self, broken: bool) -> bool:
        """Machines that come fail while they are created."""
        self.breaking = broken
        return True

    def add_foreign(self) -> str:
        """A machine with labels of somebody else."""
        self.sold["of-somebody-else"] = CloudMachine(0, facts={"labels": {"somebody": "else"}})
        return "of-somebody-else"

    def refuse(self, way: int) -> bool:
        """Refuse by one of ``ways``."""
        self.refusing = way if way <= len(self.ways) else 0
        return way <= len(self.ways)

    def _meet(self) -> None:
        if self.refusing:
            raise self.ways[self.refusing - 1]
