"""The handle of a Workspace, over a target that only remembers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.app.handle import WorkspaceHandle
from llmwright.app.session import Session
from llmwright.errors import NotYet, TargetError


def status(state: str = "Pending", **conditions: str) -> WorkspaceStatus:
    made = [
        {"type": kind, "status": value, "reason": "Because", "message": "it broke", "lastTransitionTime": "now"}
        for kind, value in conditions.items()
    ]
    return WorkspaceStatus.model_validate({"state": state, "conditions": made})


class RememberedTarget:
    """Holds one Workspace, and shows one status after the other."""

    def __init__(self, *statuses: WorkspaceStatus) -> None:
        self.statuses = statuses
        self.deleted = False

    def get(self, namespace: str, name: str) -> Workspace:
        if self.deleted or name != "mine":
            raise TargetError("it is not there", reason="NotFound")
        data = {"metadata": {"name": name}, "inference": {"preset": {"name": "demo"}}}
        made = Workspace.model_validate({"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", **data})
        return made.model_copy(update={"status": self.statuses[-1] if self.statuses else None})

    def watch(self, namespace: str, name: str, timeout_s: float | None = None) -> Iterator[Workspace]:
        for each in self.statuses:
            yield self.get(namespace, name).model_copy(update={"status": each})
        if timeout_s is not None:
            raise NotYet("it is still there")

    def logs(self, namespace: str, name: str, **_: Any) -> Iterator[str]:
        return iter(["one\n", "two\n"])

    def delete(self, namespace: str, name: str, **_: Any) -> None:
        self.get(namespace, name)
        self.deleted = True


def handle_of(*statuses: WorkspaceStatus) -> tuple[WorkspaceHandle, RememberedTarget]:
    session, target = Session(), RememberedTarget(*statuses)
    session.local_target = cast("Any", target)
    return WorkspaceHandle(session, "mine"), target


def test_it_shows_its_state() -> None:
    handle, _ = handle_of(status("Ready"))
    assert repr(handle) == "WorkspaceHandle('mine', namespace='default', state='Ready')"
    handle.delete()
    assert repr(handle) == "WorkspaceHandle('mine', namespace='default', state='NotFound')"


def test_waiting_calls_with_each_status_and_returns_the_handle() -> None:
    handle, _ = handle_of(status(), status("Ready", WorkspaceReady="True"))
    states: list[str] = []
    assert handle.wait(on_status=lambda new: states.append(new.state)) is handle
    assert states == ["Pending", "Ready"]


def test_waiting_for_a_condition_and_for_its_opposite() -> None:
    handle, _ = handle_of(status("Running", ResourceReady="True", InferenceReady="False"))
    handle.wait("ResourceReady")
    handle.wait("InferenceReady=False")


def test_waiting_ends_with_the_root_cause() -> None:
    handle, _ = handle_of(status(), status("Failed", Stalled="True"))
    with pytest.raises(TargetError, match="default/mine: it broke") as error:
        handle.wait()
    assert error.value.reason == "Because"


def test_waiting_ends_when_the_time_is_over_or_it_is_deleted() -> None:
    handle, _ = handle_of(status())
    with pytest.raises(NotYet, match="default/mine: WorkspaceReady does not hold after 2 s"):
        handle.wait(timeout_s=2)
    with pytest.raises(TargetError, match="default/mine was deleted meanwhile"):
        handle.wait()


def test_a_with_block_deletes_at_its_end() -> None:
    handle, target = handle_of(status("Ready"))
    with handle as entered:
        assert entered is handle
        assert not target.deleted
    assert target.deleted
    with handle:
        pass


def test_deleting_twice_is_refused_unless_it_may_be_missing() -> None:
    handle, _ = handle_of()
    handle.delete()
    handle.delete(missing_ok=True)
    with pytest.raises(TargetError, match="it is not there"):
        handle.delete()


def test_log_lines_have_no_line_ends() -> None:
    handle, _ = handle_of()
    assert list(handle.logs()) == ["one", "two"]


def test_a_stream_starts_only_when_it_is_read() -> None:
    handle, _ = handle_of(status())
    pieces = handle.chat("Who are you?", stream=True)
    with pytest.raises(NotYet, match="does not answer yet"):
        next(pieces)
