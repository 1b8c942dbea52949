"""The record of what the user wants."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmwright.errors import TargetError
from llmwright.targets.local.store.applied_workspace import AppliedWorkspace
from llmwright.targets.local.store.workspace_store import WorkspaceStore


@pytest.mark.parametrize("metadata", ["", "x", [1], None, 3])
def test_metadata_of_another_form_are_one_error(metadata: object, tmp_path: Path) -> None:
    store = WorkspaceStore(tmp_path, "n", "w")
    store.create()
    store.write_applied(AppliedWorkspace(workspace={"metadata": metadata}, generation=1, created_at="2026-01-01"))
    with pytest.raises(TargetError) as refused:
        store.read_workspace()
    assert refused.value.reason == "StateUnreadable"
