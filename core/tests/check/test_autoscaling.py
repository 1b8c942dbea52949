"""The range of the number of copies, and what moves it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.checking import SERVE, Check, edit
from tests.support.planning import Engine

from llmwright.errors import Problem
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.drivers import Capabilities
from llmwright_runtime_hf.driver import HfRuntime

RANGE = {"minReplicas": 1, "maxReplicas": 4}
FIELD = "inference.autoscaling"


class Mute(Engine):
    """Counts nothing."""

    load_metrics = ()


class Alive(HfRuntime):
    """Moves its copies itself."""

    capabilities = Capabilities(scales_itself=True, cpu=True)


RUNTIMES = DriverSet.of_classes(runtimes={"hf": HfRuntime, "mute": Mute, "alive": Alive})


def reasons(problems: tuple[Problem, ...], severity: str = "error") -> dict[str, str]:
    return {problem.path: problem.reason for problem in problems if problem.severity == severity}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"minReplicas": 4}, {}),
        ({"minReplicas": 5}, {f"{FIELD}.minReplicas": "OutOfRange"}),
        ({"minReplicas": 0}, {f"{FIELD}.minReplicas": "NotSupported"}),
        ({"activationQuery": "asked"}, {f"{FIELD}.activationQuery": "NotSupported"}),
        ({"by": "keda", "activationQuery": "asked"}, {f"{FIELD}.activationQuery": "NotSupported"}),
        ({"by": "keda"}, {}),
        ({"by": "keda", "minReplicas": 0}, {f"{FIELD}.activationQuery": "Required"}),
        ({"by": "keda", "minReplicas": 0, "activationQuery": "asked"}, {}),
    ],
)
def test_an_autoscaler_can_do_what_is_written(check: Check, changes: dict[str, Any], expected: dict[str, str]) -> None:
    problems = check(edit(SERVE, {FIELD: {**RANGE, **changes}}), prometheus=True)
    assert reasons(problems) == expected


@pytest.mark.parametrize(("replicas", "inside"), [(0, False), (1, True), (4, True), (5, False)])
def test_the_server_begins_within_its_range(check: Check, replicas: int, inside: bool) -> None:
    problems = check(edit(SERVE, {FIELD: RANGE, "inference.replicas": replicas}))
    assert reasons(problems) == ({} if inside else {"inference.replicas": "OutOfRange"})


def test_keda_has_to_find_prometheus(check: Check) -> None:
    asks = edit(SERVE, {FIELD: {**RANGE, "by": "keda"}})
    assert reasons(check(asks)) == {f"{FIELD}.by": "Required"}
    assert reasons(check(edit(SERVE, {FIELD: {**RANGE, "by": "keda", "metric": "cpu"}}))) == {}


def test_somebody_has_to_count_the_load(check: Check) -> None:
    mute = edit(SERVE, {FIELD: RANGE, "inference.runtime": "mute"})
    assert reasons(check(mute, installed=RUNTIMES)) == {f"{FIELD}.metric": "Required"}
    assert reasons(check(edit(mute, {f"{FIELD}.metric": "cpu"}), installed=RUNTIMES)) == {}
    template = {"spec": {"containers": [{"name": "c", "image": "r.io/c:1"}]}}
    own = edit(SERVE, {FIELD: RANGE, "inference.preset": ..., "inference.template": template})
    assert reasons(check(own)) == {f"{FIELD}.metric": "Required"}


def test_a_runtime_that_scales_itself_asks_no_autoscaler(check: Check) -> None:
    alive = edit(SERVE, {FIELD: {"minReplicas": 0, "maxReplicas": 4, "target": 2}, "inference.runtime": "alive"})
    assert reasons(check(alive, installed=RUNTIMES)) == {}
    written = edit(alive, {FIELD: {**RANGE, "by": "hpa", "metric": "cpu", "activationQuery": "asked"}})
    problems = check(written, installed=RUNTIMES)
    assert reasons(problems) == {f"{FIELD}.{key}": "NotSupported" for key in ("by", "metric", "activationQuery")}
    assert "alive moves its copies itself" in problems[0].message


@pytest.mark.parametrize("changes", [{FIELD: RANGE}, {"inference.replicas": 4}])
def test_the_highest_number_keeps_the_limits(check: Check, changes: dict[str, Any]) -> None:
    path = f"{FIELD}.maxReplicas" if FIELD in changes else "inference.replicas"
    problems = check(edit(SERVE, changes), allowed_nodes=3)
    assert reasons(problems) == {path: "LimitExceeded"}
    assert "at most 3 copies fit (setting limits.nodes)" in problems[-1].hint
    assert reasons(check(edit(SERVE, changes), allowed_nodes=4)) == {}


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({FIELD: RANGE}, FIELD),
        ({"inference.replicas": 0}, "inference.replicas"),
        ({"inference.replicas": 2}, "inference.replicas"),
        ({"spec.replicas": 3}, "spec.replicas"),
    ],
)
def test_one_machine_serves_one_copy_and_says_so(check: Check, changes: dict[str, Any], path: str) -> None:
    alone = edit(SERVE, {"resource": ...})
    problems = check(edit(alone, changes), target="local")
    assert reasons(problems) == {}
    assert reasons(problems, "warning") == {path: "NotUsed"}
    scaled = edit(alone, {FIELD: RANGE, "inference.runtime": "alive"})
    assert check(scaled, target="local", installed=RUNTIMES) == ()
    paused = edit(alone, {"inference.replicas": 0, "inference.runtime": "alive"})
    problems = check(paused, target="local", installed=RUNTIMES)
    assert reasons(problems, "warning") == {"inference.replicas": "NotUsed"}
    assert "minReplicas: 0" in problems[0].hint


@pytest.mark.parametrize("changes", [{FIELD: RANGE}, {"inference.replicas": 2}])
def test_who_starts_several_copies_here_is_named(check: Check, changes: dict[str, Any]) -> None:
    alone = edit(SERVE, {"resource": ..., "inference.runtime": "hf", **changes})
    (problem,) = check(alone, target="local", installed=RUNTIMES)
    assert problem.hint == "write runtime: alive"


def test_none_here_is_not_sent_to_another_runtime(check: Check) -> None:
    paused = edit(SERVE, {"resource": ..., "inference.runtime": "hf", "inference.replicas": 0})
    (problem,) = check(paused, target="local", installed=RUNTIMES)
    assert problem.hint == ""


def test_who_wakes_from_no_copy_without_keda_is_named(check: Check) -> None:
    asleep = edit(SERVE, {FIELD: {**RANGE, "minReplicas": 0}, "inference.runtime": "hf"})
    (problem,) = check(asleep, installed=RUNTIMES)
    assert problem.hint == "write by: keda, or minReplicas: 1, or write runtime: alive"
