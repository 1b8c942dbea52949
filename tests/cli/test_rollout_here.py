"""``rollout`` on one machine, which keeps the present wish of a Workspace alone."""

from __future__ import annotations

import pytest
from tests.support.command import Run


@pytest.mark.parametrize("verb", ["undo", "history"])
def test_what_was_asked_for_before_is_not_kept(run: Run, verb: str) -> None:
    ran = run("rollout", verb, "mine")
    assert (ran.code, ran.out) == (2, "")
    error, hint = ran.err.splitlines()
    assert error == "error: this machine keeps no earlier revisions of a Workspace"
    assert "apply -f" in hint
