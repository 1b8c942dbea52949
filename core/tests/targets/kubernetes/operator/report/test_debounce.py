"""What of a status waits to be written, for how long, and what becomes of it."""

from __future__ import annotations

from typing import Any

from core.tests.targets.kubernetes.support.clock import Clock

from llmwright.api.status import WorkspaceStatus
from llmwright.targets.kubernetes.operator.memory import Memory
from llmwright.targets.kubernetes.operator.report.debounce import CROWDED_S, HOLD_S, Debounce, only_texts
from llmwright.targets.kubernetes.operator.report.status_patch import status_patch


def calm() -> bool:
    return False


def crowded() -> bool:
    return True


def condition(kind: str, status: str, message: str) -> dict[str, Any]:
    moment = "2026-01-01T00:00:00Z"
    return {"type": kind, "status": status, "reason": "Why", "message": message, "lastTransitionTime": moment}


def status(verdict: str = "False", message: str = "0 of 1", **more: Any) -> WorkspaceStatus:
    return WorkspaceStatus.model_validate({"conditions": [condition("NodesReady", verdict, message)], **more})


def workspace(written: WorkspaceStatus, version: str = "1") -> dict[str, Any]:
    metadata = {"namespace": "default", "name": "phi", "resourceVersion": version}
    return {"metadata": metadata, "status": written.model_dump(by_alias=True, exclude_none=True, mode="json")}


def patch(live: dict[str, Any], wanted: WorkspaceStatus) -> dict[str, Any]:
    return status_patch(live["status"], wanted)


def test_words_are_held_and_then_due() -> None:
    clock, live = Clock(), workspace(status())
    debounce, first, second = Debounce(Memory(), calm, clock), status(message="launched"), status(message="registered")
    assert debounce.hold(live, first, patch(live, first)) == HOLD_S
    clock.now += HOLD_S / 2
    assert debounce.hold(live, second, patch(live, second)) == HOLD_S / 2
    assert debounce.latest(live, status()) == second
    clock.now += HOLD_S / 2
    assert debounce.hold(live, second, patch(live, second)) == 0.0
    assert debounce.latest(live, status()) == status()


def test_a_verdict_is_written_at_once_with_the_words_before_it() -> None:
    clock, live = Clock(), workspace(status())
    debounce, words, verdict = Debounce(Memory(), calm, clock), status(message="launched"), status("True", "ready")
    assert debounce.hold(live, words, patch(live, words)) == HOLD_S
    assert debounce.hold(live, verdict, patch(live, verdict)) == 0.0
    assert debounce.latest(live, status()) == status()


def test_what_another_wrote_counts_more_than_what_is_held() -> None:
    live, words = workspace(status()), status(message="launched")
    debounce = Debounce(Memory(), calm, Clock())
    debounce.hold(live, words, patch(live, words))
    other = status(message="said by another")
    assert debounce.latest(workspace(other, "2"), other) == other


def test_a_changed_label_does_not_lose_what_is_held() -> None:
    live, words = workspace(status()), status(message="launched")
    debounce = Debounce(Memory(), calm, Clock())
    debounce.hold(live, words, patch(live, words))
    assert debounce.latest(workspace(status(), "2"), status()) == words


def under_way(more: str = "") -> WorkspaceStatus:
    told = [condition("Reconciling", "True", more), condition("WorkspaceReady", "False", more)]
    return WorkspaceStatus.model_validate({"conditions": told, "state": "Pending"})


def test_what_is_under_way_is_told_after_those_that_have_nothing_yet() -> None:
    live, clock = workspace(WorkspaceStatus()), Clock()
    assert Debounce(Memory(), calm, clock).hold(live, under_way(), patch(live, under_way())) == 0.0
    debounce = Debounce(Memory(), crowded, clock)
    assert debounce.hold(live, under_way(), patch(live, under_way())) == CROWDED_S
    clock.now += CROWDED_S / 2
    assert debounce.latest(live, None) == under_way()
    assert debounce.hold(live, under_way("a pod is there"), patch(live, under_way("a pod is there"))) == CROWDED_S / 2
    clock.now += CROWDED_S / 2
    assert debounce.hold(live, under_way(), patch(live, under_way())) == 0.0


def waiting(message: str, verdict: str = "False") -> WorkspaceStatus:
    told = [condition("Reconciling", "True", ""), condition("NodesReady", verdict, message)]
    return WorkspaceStatus.model_validate({"conditions": told})


def test_words_wait_anew_once_others_come() -> None:
    live, words, verdict = workspace(waiting("0 of 1")), waiting("launched"), waiting("1 of 1", "True")
    clock, others = Clock(), [False]
    debounce = Debounce(Memory(), lambda: others[0], clock)
    debounce.hold(live, words, patch(live, words))
    clock.now += HOLD_S / 2
    others[0] = True
    assert debounce.hold(live, verdict, patch(live, verdict)) == CROWDED_S


def test_what_was_held_back_for_others_waits_on_when_they_are_gone() -> None:
    live, clock, others = workspace(WorkspaceStatus()), Clock(), [True]
    debounce = Debounce(Memory(), lambda: others[0], clock)
    debounce.hold(live, under_way(), patch(live, under_way()))
    others[0] = False
    assert debounce.hold(live, under_way("a pod is there"), patch(live, under_way("a pod is there"))) == CROWDED_S


def test_words_that_were_held_do_not_hold_back_what_comes_about() -> None:
    live, words, verdict = workspace(waiting("0 of 1")), waiting("launched"), waiting("1 of 1", "True")
    debounce = Debounce(Memory(), calm, Clock())
    assert debounce.hold(live, words, patch(live, words)) == HOLD_S
    assert debounce.hold(live, verdict, patch(live, verdict)) == 0.0


def test_what_is_ready_or_has_ended_is_told_at_once_and_so_is_its_end() -> None:
    stalled = WorkspaceStatus.model_validate({"conditions": [condition("Reconciling", "False", "no such preset")]})
    ready = WorkspaceStatus.model_validate({"conditions": [condition("WorkspaceReady", "True", "")]})
    live, new = workspace(ready), workspace(WorkspaceStatus())
    assert Debounce(Memory(), crowded, Clock()).hold(new, ready, patch(new, ready)) == 0.0
    assert Debounce(Memory(), crowded, Clock()).hold(new, stalled, patch(new, stalled)) == 0.0
    assert Debounce(Memory(), crowded, Clock()).hold(live, under_way(), patch(live, under_way())) == 0.0


def test_only_texts() -> None:
    live = workspace(status())["status"]
    assert only_texts(live, status_patch(live, status(message="other")))
    assert only_texts(live, status_patch(live, status(provisioner={"state": {"failures": 1}})))
    assert not only_texts(live, status_patch(live, status("True")))
    assert not only_texts(live, status_patch(live, status(state="Ready")))
    assert not only_texts(live, status_patch(live, status(observedGeneration=2)))
    assert not only_texts({}, status_patch({}, status()))
