"""The number of replicas: of two fields for it, the one that was changed last counts."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.api.scaling import TAKEN_FROM, replicas_of, scale_patch
from llmwright.api.workspace import Workspace


def workspace(written: int | None, scaled: int | None, taken: str | None = None) -> Workspace:
    metadata: dict[str, Any] = {"name": "ws", **({"annotations": {TAKEN_FROM: taken}} if taken is not None else {})}
    inference = {"preset": {"name": "phi-4"}, **({"replicas": written} if written is not None else {})}
    spec = {"spec": {"replicas": scaled}} if scaled is not None else {}
    body = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": metadata, "inference": inference}
    return Workspace.model_validate({**body, **spec})


@pytest.mark.parametrize(
    ("written", "scaled", "taken", "replicas", "edited"),
    [
        (None, None, None, 1, False),
        (None, 1, None, 1, False),
        (None, 4, None, 4, False),
        (None, 0, None, 0, False),
        (3, 1, None, 3, True),
        (3, 3, "3", 3, False),
        (3, 5, "3", 5, False),
        (2, 5, "3", 2, True),
        (0, 5, "3", 0, True),
        (None, 5, "3", 5, False),
        (2, None, None, 2, True),
        (2, None, "2", 2, False),
    ],
)
def test_the_later_change_counts(
    written: int | None, scaled: int | None, taken: str | None, replicas: int, edited: bool
) -> None:
    given = workspace(written, scaled, taken)
    assert replicas_of(given) == replicas
    patch = {"metadata": {"annotations": {TAKEN_FROM: str(written)}}, "spec": {"replicas": written}}
    assert scale_patch(given) == (patch if edited else {})


def test_a_tuned_model_is_served_once() -> None:
    tuned = Workspace.model_validate({"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "spec": {"replicas": 1}})
    assert (replicas_of(tuned), scale_patch(tuned)) == (1, {})
