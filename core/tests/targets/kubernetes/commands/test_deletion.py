"""Deleting a Workspace while its operator writes too."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from llmwright.errors import TargetError
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import CONFLICT, NOT_FOUND, ApiError
from llmwright.targets.kubernetes.commands.access import Access
from llmwright.targets.kubernetes.commands.deletion import ATTEMPTS, Deletion
from llmwright.targets.kubernetes.operator.report.status_patch import FINALIZER

LIVE: dict[str, Any] = {
    "metadata": {"namespace": "default", "name": "w", "uid": "1", "resourceVersion": "7", "finalizers": [FINALIZER]}
}


def forced(*codes: int) -> int:
    """Force a deletion whose patches end with these codes, the last of them again and again; return their number."""
    left, sent = list(codes), list[int]()

    def merge(*_: Any) -> None:
        sent.append(left.pop(0) if len(left) > 1 else left[0])
        if sent[-1] != 200:
            raise ApiError("PATCH /x: refused", code=sent[-1], reason="Refused")

    api = SimpleNamespace(
        find=lambda *_: LIVE, merge=merge, delete=lambda *_: None, configuration=SimpleNamespace(host="https://here")
    )
    Deletion(Access(cast("Api", api), lambda _: None, 0.0), LIVE).ask(force=True)
    return len(sent)


@pytest.mark.parametrize(("codes", "patches"), [((200,), 1), ((CONFLICT, CONFLICT, 200), 3), ((NOT_FOUND,), 1)])
def test_force_reads_anew_where_the_operator_wrote(codes: tuple[int, ...], patches: int) -> None:
    assert forced(*codes) == patches


def test_force_gives_up_in_the_end() -> None:
    with pytest.raises(TargetError, match="refused"):
        forced(CONFLICT)
    assert ATTEMPTS > 3
