"""ControllerRevisions: their numbers, and which of them go."""

from __future__ import annotations

from llmwright.targets.kubernetes.operator.apply.revisions import HASH, revision_of


def test_a_revision_that_is_written_again_keeps_its_number() -> None:
    workspace = {"metadata": {"name": "ws", "namespace": "ns", "uid": "u"}, "resource": {"count": 1}}
    first = revision_of(workspace, [])
    assert first.create is not None
    assert (first.number, first.create["metadata"]["name"]) == (1, f"ws-{first.digest[:5]}")
    known = [first.create]
    second = revision_of({**workspace, "resource": {"count": 2}}, known)
    assert second.number == 2
    assert second.create is not None
    again = revision_of(workspace, [*known, second.create])
    assert (again.number, again.create) == (1, None)
    assert again.annotations[HASH] == first.digest


def test_the_oldest_of_too_many_revisions_goes() -> None:
    workspace = {"metadata": {"name": "ws", "namespace": "ns", "uid": "u"}}
    known = [{"metadata": {"name": f"ws-{number}"}, "revision": number} for number in range(1, 12)]
    assert revision_of(workspace, known).outdated == "ws-1"
    assert revision_of(workspace, known[:10]).outdated is None
