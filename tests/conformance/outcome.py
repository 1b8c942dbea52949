"""The outcome of one case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["passed", "failed", "listed", "skipped"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """``expected`` and ``got`` are set if the two differ; ``rule`` names the listed difference."""

    case: str
    verdict: Verdict
    expected: str = ""
    got: str = ""
    rule: str = ""
