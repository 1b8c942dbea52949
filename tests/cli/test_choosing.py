"""Workspaces that a verb is about."""

from __future__ import annotations

import pytest
from tests.support.command import Run

from llmwright.targets.local.target import LocalTarget


def test_a_workspace_that_is_chosen_twice_is_deleted_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    deleted: list[tuple[str, str]] = []

    def delete(_: LocalTarget, namespace: str, name: str, **__: object) -> None:
        deleted.append((namespace, name))

    monkeypatch.setattr(LocalTarget, "delete", delete)
    monkeypatch.setattr(LocalTarget, "names", lambda *_: iter([("default", "a"), ("default", "b")]))
    ran = run("delete", "a", "--all")
    assert (ran.code, deleted) == (0, [("default", "a"), ("default", "b")])
    assert ran.out.count("deleted") == 2
