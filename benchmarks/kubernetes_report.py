"""What ``kubernetes_operator.py`` prints of its runs, beside KAITO's figures and the goals."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

Run = Mapping[str, Any]

KAITO: Mapping[tuple[str, int, str], str] = {
    ("byo", 1, "children"): "1.5",
    ("byo", 20, "children"): "6.3",
    ("byo", 100, "children"): "28",
    ("byo", 500, "children"): "142",
    ("claims", 100, "children"): "41",
    ("byo", 100, "requests"): "12.3",
    ("claims", 100, "requests"): "17.3",
    ("tuning", 100, "requests"): "14.3",
    ("waiting", 100, "waiting"): "600",
    ("byo", 100, "restart"): "100",
    ("byo", 100, "restart s"): "7",
    ("byo", 100, "memory"): "74",
    ("byo", 500, "memory"): "118",
}
"""KAITO's controller, v0.12, in the same harness on 2 cores; another day, so no ratio of one run."""

GOALS: Mapping[tuple[str, int, str], float] = {
    ("byo", 1, "children"): 0.3,
    ("byo", 20, "children"): 1,
    ("byo", 100, "children"): 4,
    ("byo", 500, "children"): 20,
    ("claims", 100, "children"): 6,
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


def figures(run: Run) -> dict[str, float | None]:
    """What is reported of one run; Lease and Events are left out of requests, as in the figures of KAITO."""
    settled, restart, waiting = run["settle"], run.get("restart"), run.get("waiting")
    found: dict[str, float | None] = {
        "children": run["children"]["all_s"],
        "first ready": run["ready_per_object_s"]["min"] if run["ready_per_object_s"] else None,
        "last ready": run["ready_per_object_s"]["max"] if run["ready_per_object_s"] else None,
        "requests": _counted(settled["by"]) / run["n"],
        "events": sum(count for what, count in settled["by"].items() if what.endswith(" events")) / run["n"],
        "errors": sum(settled["errors"].values()) + sum(run["delete"]["errors"].values()),
        "memory": settled["peak_mib"],
        "memory at start": run["start"]["rss_mib"],
        "cpu s": settled["cpu_s"],
        "gone": run["delete"]["children_gone_s"],
    }
    if restart:
        watched = sum(what.startswith("watch ") for what in restart["by"])
        found["restart"] = _counted(restart["by"]) + sum(_watches(restart["by"])) - 2 * watched
        found["restart s"] = restart["quiet_after_s"]
    if waiting:
        found["waiting"] = waiting["last_half_per_min"]
    return found


def _counted(by: Mapping[str, int]) -> int:
    skipped = ("watch ", "update leases", "get leases", "create leases", "create events")
    return sum(count for what, count in by.items() if not what.startswith(skipped))


def _watches(by: Mapping[str, int]) -> list[int]:
    return [count for what, count in by.items() if what.startswith("watch ")]


def report(name: str, number: int, runs: Sequence[Run]) -> int:
    """Prints a case's figures; returns how many goals were missed."""
    print(f"\n{name}, {number} at once")
    found, missed = [figures(run) for run in runs], 0
    for what in found[0]:
        values = [value for one in found if (value := one[what]) is not None]
        if not values:
            print(f"  {what:16} never")
            continue
        median, key = statistics.median(values), (name, number, what)
        goal, kaito = GOALS.get(key), KAITO.get(key)
        verdict = "" if goal is None else f"  goal {goal:g}: {'met' if median <= goal else 'MISSED'}"
        missed += goal is not None and median > goal
        print(
            f"  {what:16} {median:8.2f} ({min(values):.2f} to {max(values):.2f})"
            + verdict
            + (f"  KAITO {kaito}" if kaito else "")
        )
    return missed


def report_floor(ours: Sequence[Run], floor: Sequence[Run]) -> None:
    """Prints the floor's time, and ours as a multiple of it, run by run."""
    own, other = ([run["children"]["all_s"] for run in runs] for runs in (ours, floor))
    ratios = [one / two for one, two in zip(own, other, strict=True)]
    requests = statistics.median(_counted(run["settle"]["by"]) / run["n"] for run in floor)
    print(f"  floor's children {statistics.median(other):8.2f} ({min(other):.2f} to {max(other):.2f})")
    print(f"  floor's requests {requests:8.2f}")
    print(f"  children / floor {statistics.median(ratios):8.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
