"""The function that checks a Workspace with invented presets and machines."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.checking import Check, inputs_of, workspace_of

from llmwright.check import check_workspace
from llmwright.errors import Problem


@pytest.fixture
def check() -> Check:
    """``check(data, old=data, **facts)``: the problems."""

    def call(data: dict[str, Any], *, old: dict[str, Any] | None = None, **facts: Any) -> tuple[Problem, ...]:
        return check_workspace(inputs_of(workspace_of(data), workspace_of(old) if old else None, **facts))

    return call
