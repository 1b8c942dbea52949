"""What is known of one kind, with writes' answers and late watches in any order."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.targets.kubernetes.cluster.object_cache import ObjectCache

Object = dict[str, Any]


def pod(version: int, phase: str = "Pending", name: str = "a", workspace: str = "ws") -> Object:
    metadata = {"name": name, "namespace": "ns", "resourceVersion": str(version), "labels": {"w": workspace}}
    return {"metadata": metadata, "status": {"phase": phase}}


class Seen:
    """Every change that was told."""

    def __init__(self) -> None:
        self.changes: list[tuple[Object | None, Object | None]] = []

    def __call__(self, before: Object | None, after: Object | None) -> None:
        self.changes.append((before, after))


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def store(seen: Seen) -> ObjectCache:
    return ObjectCache(lambda found: found, seen, lambda found: ("ns", found["metadata"]["labels"]["w"]))


def test_a_late_watch_does_not_undo_a_write(store: ObjectCache, seen: Seen) -> None:
    store.put(pod(5, "Running"))
    store.put(pod(4, "Pending"))
    store.remove(pod(3))
    assert store.get("ns", "a") == pod(5, "Running")
    assert len(seen.changes) == 1


def test_a_heartbeat_is_no_change(store: ObjectCache, seen: Seen) -> None:
    store.put(pod(1))
    store.put(pod(2))
    assert len(seen.changes) == 1
    store.put(pod(3, "Running"))
    assert seen.changes[-1] == (pod(2), pod(3, "Running"))


def test_objects_are_found_by_their_owner_also_after_it_changed(store: ObjectCache) -> None:
    store.put(pod(1, name="b"))
    store.put(pod(2, name="a"))
    assert [found["metadata"]["name"] for found in store.of(("ns", "ws"))] == ["a", "b"]
    store.put(pod(3, name="a", workspace="other"))
    assert [found["metadata"]["name"] for found in store.of(("ns", "ws"))] == ["b"]
    store.remove(pod(4, name="b"))
    assert store.of(("ns", "ws")) == []


def test_a_list_removes_what_is_gone_and_keeps_what_was_written_after_it(store: ObjectCache) -> None:
    store.put(pod(1, name="gone"))
    store.put(pod(9, name="written"))
    store.replace([pod(4, name="there")], version=5)
    assert [found["metadata"]["name"] for found in store.all()] == ["there", "written"]


def test_what_was_not_found_is_forgotten(store: ObjectCache, seen: Seen) -> None:
    store.put(pod(1))
    store.forget("ns", "a")
    store.forget("ns", "never")
    assert store.get("ns", "a") is None
    assert seen.changes[-1] == (pod(1), None)


def test_the_answer_to_a_write_is_no_news(store: ObjectCache, seen: Seen) -> None:
    store.put(pod(1))
    store.put(pod(2, "Running"), expected=pod(1, "Running"))
    assert store.get("ns", "a") == pod(2, "Running")
    assert len(seen.changes) == 1


def test_what_others_did_before_a_write_is_told_of_with_its_answer(store: ObjectCache, seen: Seen) -> None:
    """The watch brings no state of that version again: who is not told now is never told."""
    store.put(pod(1))
    going = pod(3, "Running")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    store.put(going, expected=pod(1, "Running"))
    store.put(going)
    assert seen.changes[1:] == [(pod(1), going)]


def test_objects_are_found_by_all_their_labels_as_they_are_now(store: ObjectCache) -> None:
    def names(**labels: str) -> list[str]:
        return [found["metadata"]["name"] for found in store.labelled(labels)]

    store.put(pod(1, name="b"))
    store.put(pod(2, name="a"))
    assert (names(w="ws"), names(), names(w="ws", other="x")) == (["a", "b"], ["a", "b"], [])
    store.put(pod(3, name="a", workspace="other"))
    assert (names(w="ws"), names(w="other")) == (["b"], ["a"])
    store.remove(pod(4, name="b"))
    assert (names(w="ws"), names()) == ([], ["a"])
