"""The cache of one kind, with answers to writes and late watch events in any order."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.targets.kubernetes.cluster.object_cache import ObjectCache

Object = dict[str, Any]


def pod(version: int, phase: str = "Pending", name: str = "a", workspace: str = "ws", uid: str = "u") -> Object:
    metadata: Object = {"name": name, "namespace": "ns", "uid": uid, "resourceVersion": str(version)}
    metadata["labels"] = {"w": workspace}
    return {"metadata": metadata, "status": {"phase": phase}}


class Seen:
    """Records every reported change."""

    def __init__(self) -> None:
        self.changes: list[tuple[Object | None, Object | None]] = []

    def __call__(self, before: Object | None, after: Object | None) -> None:
        self.changes.append((before, after))


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def cache(seen: Seen) -> ObjectCache:
    return ObjectCache(lambda whole: whole, seen, lambda manifest: ("ns", manifest["metadata"]["labels"]["w"]))


def test_a_late_watch_does_not_undo_a_write(cache: ObjectCache, seen: Seen) -> None:
    cache.put(pod(5, "Running"))
    cache.put(pod(4, "Pending"))
    cache.remove(pod(3))
    assert cache.get("ns", "a") == pod(5, "Running")
    assert len(seen.changes) == 1


def test_a_heartbeat_is_no_change(cache: ObjectCache, seen: Seen) -> None:
    cache.put(pod(1))
    cache.put(pod(2))
    assert len(seen.changes) == 1
    cache.put(pod(3, "Running"))
    assert seen.changes[-1] == (pod(2), pod(3, "Running"))


def test_objects_are_found_by_their_owner_also_after_it_changed(cache: ObjectCache) -> None:
    cache.put(pod(1, name="b"))
    cache.put(pod(2, name="a"))
    assert [item["metadata"]["name"] for item in cache.of(("ns", "ws"))] == ["a", "b"]
    cache.put(pod(3, name="a", workspace="other"))
    assert [item["metadata"]["name"] for item in cache.of(("ns", "ws"))] == ["b"]
    cache.remove(pod(4, name="b"))
    assert cache.of(("ns", "ws")) == []


def test_a_list_removes_what_is_gone_and_keeps_what_was_written_after_it(cache: ObjectCache) -> None:
    cache.put(pod(1, name="gone"))
    cache.put(pod(9, name="written"))
    cache.replace([pod(4, name="there")], version=5)
    assert [item["metadata"]["name"] for item in cache.all()] == ["there", "written"]


def test_an_object_that_a_write_did_not_find_is_removed(cache: ObjectCache, seen: Seen) -> None:
    cache.put(pod(1))
    cache.forget("ns", "a", "u")
    cache.forget("ns", "never", "u")
    assert cache.get("ns", "a") is None
    assert seen.changes[-1] == (pod(1), None)


def test_an_object_that_took_the_name_since_is_kept(cache: ObjectCache) -> None:
    cache.put(pod(1))
    cache.put(pod(2, uid="of another"))
    cache.forget("ns", "a", "u")
    assert cache.get("ns", "a") == pod(2, uid="of another")


def test_an_answer_that_comes_after_the_watch_told_of_the_end_is_dropped(cache: ObjectCache, seen: Seen) -> None:
    """Stored, it would stay until the kind is listed anew: the watch never speaks of that object again."""
    cache.put(pod(1))
    cache.followed(3)
    cache.remove(pod(4))
    cache.followed(4)
    cache.put(pod(3), expected=pod(3))
    assert cache.get("ns", "a") is None
    cache.put(pod(5, uid="of another"), expected=pod(5, uid="of another"))
    assert cache.get("ns", "a") == pod(5, uid="of another")


def test_a_list_counts_also_where_the_cluster_was_restored_to_an_earlier_version(cache: ObjectCache) -> None:
    cache.followed(100)
    cache.replace([pod(4)], version=5)
    assert cache.get("ns", "a") == pod(4)
    cache.put(pod(6, name="b"))
    assert cache.get("ns", "b") == pod(6, name="b")


def test_the_answer_to_a_write_is_no_change(cache: ObjectCache, seen: Seen) -> None:
    cache.put(pod(1))
    cache.put(pod(2, "Running"), expected=pod(1, "Running"))
    assert cache.get("ns", "a") == pod(2, "Running")
    assert len(seen.changes) == 1


def test_a_foreign_change_before_a_write_is_reported_with_its_answer(cache: ObjectCache, seen: Seen) -> None:
    """The watch does not bring a state of that version again: unreported now, it is never reported."""
    cache.put(pod(1))
    going = pod(3, "Running")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    cache.put(going, expected=pod(1, "Running"))
    cache.put(going)
    assert seen.changes[1:] == [(pod(1), going)]


def test_objects_are_found_by_all_their_labels_as_they_are_now(cache: ObjectCache) -> None:
    def names(**labels: str) -> list[str]:
        return [item["metadata"]["name"] for item in cache.labelled(labels)]

    cache.put(pod(1, name="b"))
    cache.put(pod(2, name="a"))
    assert (names(w="ws"), names(), names(w="ws", other="x")) == (["a", "b"], ["a", "b"], [])
    cache.put(pod(3, name="a", workspace="other"))
    assert (names(w="ws"), names(w="other")) == (["b"], ["a"])
    cache.remove(pod(4, name="b"))
    assert (names(w="ws"), names()) == ([], ["a"])
