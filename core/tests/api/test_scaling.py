"""The number of replicas: of two fields for it, the one that was changed last counts."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.api.scaling import TAKEN_FROM, most_copies_field, replicas_of, scale_patch
from llmwright.api.workspace import Workspace
from llmwright.values.copies import Copies, copies_of


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


@pytest.mark.parametrize(
    ("scaled", "least", "most", "replicas"),
    [(None, 1, 4, 1), (1, 2, 4, 2), (9, 1, 4, 4), (3, 1, 4, 3), (0, 1, 4, 0), (1, 0, 4, 1), (0, 0, 4, 0)],
)
def test_a_range_bounds_the_number_and_none_pauses(scaled: int | None, least: int, most: int, replicas: int) -> None:
    ranged = in_range(workspace(None, scaled), minReplicas=least, maxReplicas=most, target=2)
    assert replicas_of(ranged) == replicas
    assert copies_of(ranged) == Copies(lowest=least, highest=most, start=replicas, target=2.0)
    assert most_copies_field(ranged) == "inference.autoscaling.maxReplicas"


def test_a_number_alone_is_a_range_of_one() -> None:
    assert copies_of(workspace(3, None)) == Copies(lowest=3, highest=3, start=3)
    assert most_copies_field(workspace(3, None)) == "inference.replicas"


def in_range(base: Workspace, **scaling: Any) -> Workspace:
    written = base.model_dump(by_alias=True, exclude_none=True)
    return Workspace.model_validate({**written, "inference": {**written["inference"], "autoscaling": scaling}})
