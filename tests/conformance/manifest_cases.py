"""Upstream's objects and ours, compared field by field.

A field is a leaf of an object, or a whole part that one side lacks. It is equal, or listed if a rule of
``manifest_rules`` allows exactly this difference, or failed. A scenario passes if no field failed. The delivery of a
tuning Job is a script upstream and a program here, so only its target and its secret are compared.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.manifest_fields import ABSENT, Field, fields
from tests.conformance.manifest_rules import rule_for
from tests.conformance.manifest_scenario import Cluster
from tests.conformance.manifest_translation import LOGINS, in_upstreams_names
from tests.conformance.manifest_tree import Tree, tree_of

from llmwright.errors import LLMwrightError

DELIVERY = ("pack", "pause")
PUSHER = "pusher"
KINDS = ("equal", "listed", "failed")


@dataclass(frozen=True, slots=True)
class Compared:
    """One scenario: the number of fields by result, and a line for each field that is not equal."""

    name: str
    count: Counter[str]
    failures: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}: {', '.join(f'{self.count[kind]} {kind}' for kind in KINDS)}"


def run(cases: Path, *, verbose: bool) -> int:
    """Compare every scenario of ``cases``, print the result, and return the exit code."""
    total: Counter[str] = Counter()
    verdicts: Counter[bool] = Counter()
    for compared in compare_all(json.loads(cases.read_text())):
        print(compared)
        for line in (*compared.failures, *(compared.listed if verbose else ())):
            print(f"  {line}")
        total += compared.count
        verdicts[not compared.failures] += 1
    print(", ".join(f"{total[kind]} {kind}" for kind in KINDS))
    print(f"{verdicts[True]} passed, {verdicts[False]} failed")
    return 1 if verdicts[False] else 0


def compare_all(scenarios: Mapping[str, Any]) -> Iterator[Compared]:
    """Yield one result for each scenario."""
    cluster = Cluster()
    for name, scenario in scenarios.items():
        yield _compare(name, scenario, cluster)


def _compare(name: str, scenario: Mapping[str, Any], cluster: Cluster) -> Compared:
    expected = scenario["output"]
    try:
        found = cluster.objects(scenario["input"])
    except LLMwrightError as error:
        return _refused(name, expected, error)
    if "panic" in expected:
        return Compared(name, Counter(equal=1))
    workspace = scenario["input"]["workspace"]["metadata"]["name"]
    upstream = _tree(expected, workspace)
    ours = _tree(found, workspace, respell=True)
    return _judged(name, list(fields(upstream, ours)))


def _refused(name: str, expected: Mapping[str, Any], error: LLMwrightError) -> Compared:
    """Return the result where we raise an error: right if upstream panics or refuses."""
    if "workload" not in expected:
        return Compared(name, Counter(equal=1))
    return Compared(name, Counter(failed=1), (f"failed: refused with {error.reason}: {error.message}",))


def _tree(objects: Mapping[str, Any], workspace: str, *, respell: bool = False) -> Tree:
    tree: Tree = tree_of(objects, respell=in_upstreams_names if respell else dict)
    containers = tree.get("workload", {}).get("spec", {}).get("template", {}).get("spec", {}).get("containers")
    if not containers:
        return tree
    named = {
        "<main>" if name == workspace else name: container
        for name, container in containers.items()
        if name not in DELIVERY
    }
    if PUSHER in named:
        named[PUSHER] = _delivered(named[PUSHER])
    containers.clear()
    containers.update(named)
    return tree


def _delivered(pusher: Tree) -> Tree:
    """Return the target of the push, and its secret."""
    secret = pusher.get("mounts", {}).get(LOGINS, {}).get("volume", ABSENT)
    return {"image": pusher["script"]["img_ref"], "secret": secret}


def _judged(name: str, compared: list[Field]) -> Compared:
    count: Counter[str] = Counter()
    lines: dict[str, list[str]] = {"failed": [], "listed": []}
    for field in compared:
        rule = None if field.equal else rule_for(field)
        kind = "equal" if field.equal else "listed" if rule else "failed"
        count[kind] += 1
        if kind != "equal":
            why = f" [{rule.name}]" if rule else ""
            lines[kind].append(f"{kind} {field}: expected {field.upstream!r}, got {field.ours!r}{why}")
    return Compared(name, count, tuple(lines["failed"]), tuple(lines["listed"]))
