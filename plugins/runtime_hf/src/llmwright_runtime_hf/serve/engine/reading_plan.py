"""Which prompts are read in a turn, and how much of each: pure arithmetic over the lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_TOKENS = 16
"""A shorter common beginning of two prompts is read twice: that is as quick."""
_ALIKE = 0.75
"""Prompts in one pass are padded to the longest: none is shorter than this share of it."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Prompts that are read in one pass, by their places in the queue, and so many tokens of each at most."""

    places: tuple[int, ...]
    tokens: int


def plan_reading(unread: Sequence[int], budget: int, together: Sequence[bool]) -> list[Portion]:
    """Return what is read with ``budget`` tokens, for prompts with so many ``unread`` tokens in order of arrival.

    A prompt of more than half the budget is long. Short ones are read whole, and the first long one gets what they
    leave, half of the budget at least: neither waits for the other. ``together`` may share a pass.
    """
    half = max(budget // 2, 1)
    long = next((place for place, count in enumerate(unread) if count > half), None)
    left = budget - (min(unread[long], half) if long is not None else 0)
    short = list[int]()
    for place, count in enumerate(unread):
        if count <= half:
            if count > left:
                break
            short.append(place)
            left -= count
    portions = [*_passes([place for place in short if together[place]], unread)]
    portions += [Portion((place,), unread[place]) for place in short if not together[place]]
    if long is not None:
        portions.append(Portion((long,), budget - sum(unread[place] for place in short)))
    return portions


def _passes(places: Sequence[int], unread: Sequence[int]) -> list[Portion]:
    passes = list[list[int]]()
    for place in sorted(places, key=lambda place: -unread[place]):
        if passes and unread[place] >= _ALIKE * unread[passes[-1][0]]:
            passes[-1].append(place)
        else:
            passes.append([place])
    return [Portion(tuple(sorted(each)), unread[each[0]]) for each in passes]
