"""The table that ``kubernetes_operator.py`` prints of its runs, beside KAITO's figures and the goals."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Run = Mapping[str, Any]

KAITO: Mapping[tuple[str, int, str], str] = {
    ("byo", 1, "median ready"): "1.9",
    ("byo", 1, "last ready"): "1.9",
    ("byo", 20, "median ready"): "7.2",
    ("byo", 20, "last ready"): "7.8",
    ("byo", 100, "median ready"): "32",
    ("byo", 100, "last ready"): "35",
    ("byo", 500, "median ready"): "159",
    ("byo", 500, "last ready"): "177",
    ("claims", 100, "median ready"): "45",
    ("claims", 100, "last ready"): "48",
    ("tuning", 100, "median ready"): "23",
    ("tuning", 100, "last ready"): "27",
    ("byo", 100, "requests"): "12.3",
    ("claims", 100, "requests"): "17.3",
    ("tuning", 100, "requests"): "14.3",
    ("waiting", 100, "waiting"): "600",
    ("byo", 100, "restart"): "100",
    ("byo", 100, "restart s"): "7",
    ("byo", 100, "memory"): "74",
    ("byo", 500, "memory"): "118",
}
"""Figures of KAITO's controller, v0.12, in the same harness on 2 cores, of another day: no ratio of one run."""

GOALS: Mapping[tuple[str, int, str], float] = {
    ("byo", 100, "requests"): 7,
    ("claims", 100, "requests"): 10,
    ("tuning", 100, "requests"): 9,
    ("waiting", 100, "waiting"): 0,
    ("byo", 100, "restart"): 5,
    ("byo", 100, "restart s"): 2,
    ("byo", 100, "memory"): 100,
    ("byo", 500, "memory"): 150,
    ("byo", 1000, "memory"): 250,
    ("claims", 100, "memory"): 100,
}
"""Seconds have no goal of their own: compare two operators, or ours and the floor, in turns on one machine."""


def figures(run: Run) -> dict[str, float | None]:
    """Return the figures of one run: seconds, requests per Workspace, refused requests and MiB.

    The Lease and Events are left out of requests, as in the figures of KAITO.
    """
    settled, restart, waiting = run["settle"], run.get("restart"), run.get("waiting")
    errors = {**settled["errors"]}
    for request, count in run["delete"]["errors"].items():
        errors[request] = errors.get(request, 0) + count
    found: dict[str, float | None] = {
        **times(run),
        "requests": _counted(settled["by"]) / run["n"],
        "events": sum(count for request, count in settled["by"].items() if request.endswith(" events")) / run["n"],
        "409 conflict": _refused(errors, "409"),
        "404 not found": _refused(errors, "404"),
        "other errors": sum(errors.values()) - _refused(errors, "409", "404"),
        "memory": settled["peak_mib"],
    }
    if restart:
        watched = sum(request.startswith("watch ") for request in restart["by"])
        found["restart"] = _counted(restart["by"]) + sum(_watches(restart["by"])) - 2 * watched
        found["restart s"] = restart["quiet_after_s"]
    if waiting:
        found["waiting"] = waiting["last_half_per_min"]
    return found


def times(run: Run) -> dict[str, float | None]:
    """Return the seconds from applying a Workspace until it is ready, and until its first object exists."""
    ready, kinds = run["ready_per_object_s"], [kind for kind in run["children"]["per_kind_s"].values() if kind]
    # The harness has times by kind only. Every Workspace gets its kinds in one order, so the first kind has them.
    first = min(kinds, key=lambda kind: kind["p50"], default=None)
    return {
        "median ready": ready["p50"] if ready else None,
        "last ready": ready["max"] if ready and ready["n"] == run["n"] else None,
        "median first object": first["p50"] if first else None,
        "last first object": first["max"] if first and first["n"] >= run["n"] else None,
    }


def _refused(errors: Mapping[str, int], *codes: str) -> int:
    return sum(count for request, count in errors.items() if request.startswith(codes))


def _counted(by: Mapping[str, int]) -> int:
    skipped = ("watch ", "update leases", "get leases", "create leases", "create events")
    return sum(count for request, count in by.items() if not request.startswith(skipped))


def _watches(by: Mapping[str, int]) -> list[int]:
    return [count for request, count in by.items() if request.startswith("watch ")]


def report(name: str, number: int, runs: Sequence[Run]) -> int:
    """Print a case's figures; return how many goals were missed."""
    print(f"\n{name}, {number} at once")
    found, missed = [figures(run) for run in runs], 0
    for figure in found[0]:
        values = [value for run in found if (value := run[figure]) is not None]
        if len(values) < len(found):
            print(f"  {figure:20} not reached in {len(found) - len(values)} of {len(found)} runs")
            continue
        median, key = statistics.median(values), (name, number, figure)
        goal, kaito = GOALS.get(key), KAITO.get(key)
        verdict = "" if goal is None else f"  goal {goal:g}: {'met' if median <= goal else 'MISSED'}"
        missed += goal is not None and median > goal
        print(
            f"  {figure:20} {median:8.2f} ({min(values):.2f} to {max(values):.2f})"
            + verdict
            + (f"  KAITO {kaito}" if kaito else "")
        )
    return missed


def report_floor(ours: Sequence[Run], floor: Sequence[Run]) -> None:
    """Print the floor's times and requests, and our times as multiples of its, run by run."""
    for figure in times(floor[0]):
        pairs = [(times(own)[figure], times(other)[figure]) for own, other in zip(ours, floor, strict=True)]
        ratios = [own / other for own, other in pairs if own and other]
        if ratios:
            seconds = statistics.median(other for _, other in pairs if other)
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            print(
                f"  floor's {figure:20} {seconds:8.2f}; ours is {statistics.median(ratios):.2f} times that ({spread})"
            )
    requests = statistics.median(_counted(run["settle"]["by"]) / run["n"] for run in floor)
    print(f"  floor's {'requests':20} {requests:8.2f}")
