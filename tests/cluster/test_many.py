"""Many Workspaces applied at once: a limit holds for all of them, and none waits for the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.operating import SETTINGS
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster, OperatorProcess
from llmwright.testing.cluster.operator_process import running

pytestmark = pytest.mark.cluster

Object = dict[str, Any]

WORKSPACES = "/apis/kaito.sh/v1beta1/namespaces/default/workspaces"
STATEFULSETS = "/apis/apps/v1/namespaces/default/statefulsets"


def reasons(plane: Cluster, names: list[str]) -> dict[str, tuple[str, str]]:
    """Status and reason of the condition Stalled of each of ``names`` that has it."""
    found = plane.fetch(WORKSPACES) or {"items": []}
    conditions = {
        one["metadata"]["name"]: each
        for one in found["items"]
        for each in (one.get("status") or {}).get("conditions") or []
        if each["type"] == "Stalled" and one["metadata"]["name"] in names
    }
    return {name: (each["status"], each["reason"]) for name, each in conditions.items()}


def test_a_limit_holds_for_fifty_that_are_applied_at_once(
    plane: Cluster, unattended: Workspaces, tmp_path: Path
) -> None:
    """One such machine costs more than 3 USD per hour and less than 4: two are within 8, three are not."""
    settings = {**SETTINGS, "limits": {"totalUsdPerHour": 8}}
    names = [f"limit-{number}" for number in range(50)]
    good, bad = ("False", "Progressing"), ("True", "LimitExceeded")
    with running(OperatorProcess(plane.write_kubeconfig(tmp_path / "kubeconfig"), tmp_path, settings)):
        unattended.apply(*map(unattended.inference, names))
        wait_until(lambda: len(reasons(plane, names)) == 50, "all are judged")
        assert sorted(reasons(plane, names).values()) == [good, good] + [bad] * 48
        spender = next(name for name, reason in reasons(plane, names).items() if reason == good)
        plane.kubectl("delete", "workspace", spender, "--timeout=30s")
        left = [bad] * 47
        wait_until(lambda: sorted(reasons(plane, names).values()) == [good, good, *left], "another takes its place")
        unattended.clear()


def test_the_first_of_many_is_ready_when_its_server_is(workspaces: Workspaces) -> None:
    plane, names = workspaces.plane, [f"crowd-{number}" for number in range(60)]
    workspaces.node("crowd-node", "crowd", gpus=60)
    since = (plane.fetch(WORKSPACES) or {})["metadata"]["resourceVersion"]
    selector = {"matchLabels": {"ws": "crowd"}}
    workspaces.apply(*(workspaces.inference(name, labelSelector=selector) for name in names))
    wait_until(lambda: len(ready(plane.history(WORKSPACES, since), is_ready)) == 60, "all are ready")
    servers = ready(plane.history(STATEFULSETS, since), answers)
    told = plane.history(WORKSPACES, since)
    first = min(servers, key=lambda name: servers[name])
    begin, end = servers[first], ready(told, is_ready)[first]
    between = [one["metadata"]["name"] for one in told if begin < version_of(one) < end]
    # One that stands in one line with all others would be told after each of them was looked at.
    assert len(between) < 30, between


def ready(states: list[Object], holds: Callable[[Object], bool]) -> dict[str, int]:
    """At which version of the cluster each object began to be so, by name."""
    found: dict[str, int] = {}
    for one in states:
        if holds(one):
            found.setdefault(one["metadata"]["name"], version_of(one))
    return found


def is_ready(workspace: Object) -> bool:
    conditions = (workspace.get("status") or {}).get("conditions") or []
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)


def answers(server: Object) -> bool:
    return bool(server["status"].get("readyReplicas"))


def version_of(found: Object) -> int:
    return int(found["metadata"]["resourceVersion"])
