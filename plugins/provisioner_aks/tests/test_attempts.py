from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

from plugins.provisioner_aks.tests.support.builders import SIZE, make_request

from llmwright.api.status import AttemptsStatus
from llmwright.lifecycle.losses import paced
from llmwright.testing.operation import Operation
from llmwright.values.nodes import Failed

PASSES = 110
"""Each is half a minute."""


def test_the_next_attempt_is_when_the_status_says_and_the_core_adds_no_rest(driver: Any, world: Any) -> None:
    world.cloud.exhausted = {(SIZE, None)}
    operation = Operation(driver, world, make_request())
    losses: AttemptsStatus | None = None
    creations: list[datetime] = []
    untold = 0
    for _ in range(PASSES):
        now = world.now
        decision = operation.step()
        pacing = paced(losses, "wish", 1, decision, now)
        losses = pacing.attempts
        if any(action.verb == "create-pool" for action in decision.actions):
            assert pacing.rest_s == 0
            creations.append(now)
        # The kind of failure stays known: all types are tried again where a list of them was refused.
        resting = not decision.actions and not world.owned()
        untold += resting and not isinstance(decision.outcome, Failed)
    assert untold == 0
    told = next(each.outcome for each in operation.decisions if "next one is at" in str(each.outcome))
    assert "UTC; an edit of the Workspace or `llmwright rollout demo --target kubernetes` tries at once" in str(told)
    gaps = [(after - before).total_seconds() for before, after in pairwise(creations)]
    assert 4 <= len(creations) <= 10
    assert gaps == sorted(gaps)
    # The pool itself tells why it failed.
    assert "operations.get" not in {call.kind for call in world.cloud.calls}
