"""Objects that are refused: not tried again at once, however they are rendered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from llmwright.errors import TargetError
from llmwright.lifecycle.observed import Observed, Trouble, Workload
from llmwright.targets.kubernetes.cluster.api_resources import Resource
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.manifests.object_metadata import ROLE
from llmwright.targets.kubernetes.operator.apply.desired import Desired, blocked, without_autoscaler
from llmwright.targets.kubernetes.operator.apply.preconditions import MOST_OTHER, Preconditions
from llmwright.targets.kubernetes.operator.memory import Memory

KEY = ("ns", "ws")
REFUSED = Trouble("ObjectRefused", "spec.wrong")


def rendered(label: str) -> tuple[dict[str, Any], ...]:
    return ({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "ws", "labels": {"at": label}}},)


def blocks(preconditions: Preconditions, label: str) -> bool:
    return bool(preconditions.blockers(KEY, Desired(starting={"serving": rendered(label)})))


def preconditions() -> Preconditions:
    return Preconditions(cast(Any, None), cast(Any, None), Memory())


def test_what_was_refused_rests_and_what_is_rendered_otherwise_is_tried() -> None:
    known = preconditions()
    assert not blocks(known, "a")
    assert known.refuse(KEY, "serving", rendered("a"), REFUSED)
    assert blocks(known, "a")
    assert not blocks(known, "b")
    for _ in range(10):
        known.refuse(KEY, "serving", rendered("a"), REFUSED)
    assert not blocks(known, "b")


def test_what_is_rendered_otherwise_each_time_rests_too() -> None:
    known = preconditions()
    tries = 0
    for number in range(100):
        if not blocks(known, str(number)):
            tries += 1
            known.refuse(KEY, "serving", rendered(str(number)), REFUSED)
    assert tries == 1 + MOST_OTHER


class NoKeda:
    """A cluster that does not serve KEDA's kind."""

    def resource(self, key: Key, desired: Mapping[str, Any]) -> Resource:
        raise TargetError("the cluster does not serve ScaledObject", hint="install it", reason="KindNotServed")


def scaled_object(name: str) -> dict[str, Any]:
    about = {"name": name, "annotations": {ROLE: "serving"}}
    return {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": about}


def test_a_missing_autoscaler_blocks_no_server_and_a_plugins_object_does() -> None:
    known = Preconditions(cast(Any, NoKeda()), cast(Any, None), Memory())
    server = rendered("a")
    desired = Desired(starting={"serving": (scaled_object("ws"), *server)})
    trouble = known.against_autoscaler(KEY, desired)
    assert trouble == Trouble("KindNotServed", "the cluster does not serve ScaledObject (install it)")
    rest = without_autoscaler(desired, "ws")
    assert rest.starting == {"serving": server}
    assert known.blockers(KEY, rest) == {}
    anothers = Desired(standing={"serving": (scaled_object("of-a-plugin"), *server)})
    assert known.against_autoscaler(KEY, anothers) is None
    assert without_autoscaler(anothers, "ws") == anothers
    assert known.blockers(KEY, anothers) == {"serving": trouble}


@pytest.mark.parametrize(("asked", "told"), [(True, "ObjectRefused"), (False, None)])
def test_an_autoscaler_that_is_refused_is_told_of_a_server_that_runs(asked: bool, told: str | None) -> None:
    running = Observed(serving=Workload(phase="ready"))
    found = blocked(running, {"serving": REFUSED}, autoscaled=asked)
    assert found.serving == running.serving
    assert (found.autoscaler.reason if found.autoscaler else None) == told
