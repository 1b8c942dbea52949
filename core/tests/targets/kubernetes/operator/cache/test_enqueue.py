"""From a change in the cluster to the Workspaces that it concerns."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.targets.kubernetes.cluster.workqueue import Line, Workqueue
from llmwright.targets.kubernetes.operator.cache.enqueue import Enqueue
from llmwright.targets.kubernetes.operator.cache.interest_index import InterestIndex
from llmwright.targets.kubernetes.operator.cache.owner_reference import by_label

SELECTS, READS = ("ns", "selects"), ("ns", "reads")


@pytest.fixture
def queue() -> Workqueue:
    return Workqueue()


@pytest.fixture
def index() -> InterestIndex:
    return InterestIndex()


@pytest.fixture
def enqueue(queue: Workqueue, index: InterestIndex) -> Enqueue:
    """After two Workspaces came, and the passes over them."""
    enqueue = Enqueue(queue, index)
    enqueue.workspace(None, workspace(SELECTS, resource={"labelSelector": {"matchLabels": {"gpu": "a100"}}}))
    selector = {"labelSelector": {"matchLabels": {"gpu": "none"}}}
    enqueue.workspace(None, workspace(READS, resource=selector, inference={"config": "flags"}))
    assert taken(queue) == {SELECTS, READS}
    return enqueue


def workspace(key: tuple[str, str], **parts: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": key[0], "name": key[1]}, **parts}


def labelled(**labels: str) -> dict[str, Any]:
    return {"metadata": {"namespace": "ns", "name": "it", "labels": labels}}


def taken(queue: Workqueue) -> set[tuple[str, str]]:
    """Take all names that wait."""
    names = set()
    while len(queue):
        name = queue.take()
        assert name is not None
        queue.done(name)
        names.add(name)
    return names


def test_a_node_concerns_those_that_select_it_before_or_after(queue: Workqueue, enqueue: Enqueue) -> None:
    enqueue.node(None, labelled(gpu="t4"))
    assert taken(queue) == set()
    enqueue.node(labelled(gpu="a100"), labelled(gpu="t4"))
    assert taken(queue) == {SELECTS}


def test_a_node_concerns_the_workspace_that_its_driver_names(
    queue: Workqueue, index: InterestIndex, enqueue: Enqueue
) -> None:
    index.note_owner_labels(("of-namespace", "of-name"))
    enqueue.node(None, labelled(**{"of-namespace": "ns", "of-name": "bought"}))
    assert taken(queue) == {("ns", "bought")}


def test_a_config_concerns_those_that_name_it(queue: Workqueue, enqueue: Enqueue) -> None:
    config = {"metadata": {"namespace": "ns", "name": "flags"}}
    enqueue.config(None, config)
    assert taken(queue) == {READS}
    enqueue.workspace(workspace(READS), None)
    assert taken(queue) == {READS}
    enqueue.config(config, None)
    assert taken(queue) == set()


def test_a_child_concerns_its_owner_and_a_revision_only_once_it_is_gone(queue: Workqueue, enqueue: Enqueue) -> None:
    find_owner = by_label("owner")
    child = labelled(owner="selects")
    enqueue.owner(find_owner, Line.RUNS)(None, child)
    assert queue.holds(Line.RUNS)
    assert taken(queue) == {SELECTS}
    deleted = enqueue.owner_of_deleted(find_owner)
    deleted(None, child)
    assert taken(queue) == set()
    deleted(child, None)
    assert taken(queue) == {SELECTS}


def test_everybody_is_each_workspace_that_is_there(queue: Workqueue, enqueue: Enqueue) -> None:
    enqueue.everybody()
    assert taken(queue) == {SELECTS, READS}
