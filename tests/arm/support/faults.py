"""Scripted faults: by call number, by kind of call, and by seed."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.arm.support import arm_errors
from tests.arm.support.arm_errors import EXAMPLES
from tests.arm.support.wire import ArmError

__all__ = [
    "EXAMPLES", "Crash", "FailLater", "Fault", "Faults", "Interrupt", "LoseResponse", "Refuse", "Reset", "Seeded",
    "Slow", "Throttle", "Unreachable",
]  # fmt: skip
WRITES = ("pools.put", "pools.delete")


@dataclass(frozen=True)
class LoseResponse:
    """Carry the request out, and break the connection before its answer: ServiceResponseError."""


@dataclass(frozen=True)
class Reset:
    """Break the connection before the request is carried out; the client cannot tell it from LoseResponse."""


@dataclass(frozen=True)
class Unreachable:
    """Have no connection come about: the SDK's transport raises ServiceRequestError."""


@dataclass(frozen=True)
class Refuse:
    """Refuse the request."""

    error: ArmError


@dataclass(frozen=True)
class Throttle:
    """Refuse the request with 429."""

    retry_after_s: float = 10


@dataclass(frozen=True)
class Slow:
    """Answer after some time."""

    seconds: float


@dataclass(frozen=True)
class FailLater:
    """Accept the write, and fail its operation at its end."""

    error: ArmError | str = "AllocationFailed"

    @property
    def cause(self) -> ArmError:
        """Return the error, also where a code of EXAMPLES was named."""
        return EXAMPLES[self.error] if isinstance(self.error, str) else self.error


@dataclass(frozen=True)
class Crash:
    """End the process under test ``before`` or ``after`` the request is carried out; in process only."""

    when: str = "after"


@dataclass(frozen=True)
class Interrupt:
    """Call ``action`` before or after the request is carried out, and break the connection: for a kill over HTTPS."""

    action: Callable[[], object]
    when: str = "after"


Fault = LoseResponse | Reset | Unreachable | Interrupt | Refuse | Throttle | Slow | FailLater | Crash


@dataclass
class Seeded:
    """Faults of a share of the calls, the same ones for the same seed and the same calls."""

    seed: int
    share: float
    kinds: tuple[str, ...] | None = None
    crashes: bool = False
    failures: tuple[str, ...] = ("AllocationFailed", "QuotaExceeded", "SkuNotAvailable", "SubnetIsFull")

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def pick(self, kind: str) -> Fault | None:
        """Return the fault of the next call, None where it has none."""
        if (self.kinds and kind not in self.kinds) or self._random.random() >= self.share:
            return None
        choices: list[Fault] = [Reset(), Unreachable(), LoseResponse(), Throttle(self._random.choice((1, 5, 30)))]
        choices += [Refuse(arm_errors.server_error(500)), Refuse(arm_errors.server_error(503)), Slow(2)]
        if kind in WRITES:
            choices += [LoseResponse(), LoseResponse(), Refuse(EXAMPLES["EtagMismatch"])]
            choices += [Refuse(EXAMPLES["OperationNotAllowedCluster"])]
        if kind == "pools.put":
            choices += [FailLater(self._random.choice(self.failures))]
        if self.crashes:
            choices += [Crash("before"), Crash("after")]
        return self._random.choice(choices)


@dataclass
class Faults:
    """The faults of one cloud. ``done`` lists those that were met: number and kind of the call, and the fault."""

    seeded: Seeded | None = None
    done: list[tuple[int, str, Fault]] = field(default_factory=list)
    _numbered: dict[int, Fault] = field(default_factory=dict)
    _by_kind: dict[str, dict[int, Fault]] = field(default_factory=lambda: defaultdict(dict))
    _seen: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def at(self, number: int, fault: Fault) -> None:
        """Plan a fault of the call with that number, counted from 1."""
        self._numbered[number] = fault

    def next(self, kind: str, *faults: Fault) -> None:
        """Plan faults of the next calls of that kind, one each."""
        first = max([self._seen[kind], *self._by_kind[kind]])
        for offset, fault in enumerate(faults, start=1):
            self._by_kind[kind][first + offset] = fault

    def nth(self, kind: str, count: int, fault: Fault) -> None:
        """Plan a fault of the ``count``-th call of that kind from now on, counted from 1."""
        self._by_kind[kind][self._seen[kind] + count] = fault

    def pick(self, number: int, kind: str) -> Fault | None:
        """Return the fault of that call, and remember it."""
        self._seen[kind] += 1
        planned = self._numbered.pop(number, None) or self._by_kind[kind].pop(self._seen[kind], None)
        fault = planned or (self.seeded.pick(kind) if self.seeded else None)
        if fault:
            self.done.append((number, kind, fault))
        return fault
