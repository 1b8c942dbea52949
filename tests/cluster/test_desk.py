"""The example provisioner with a cloud outside the cluster: its machines become KWOK's nodes on a real API server."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.operating import SETTINGS
from tests.cluster.support.workspaces import Workspaces
from tests.support.declared import write_distribution
from tests.support.desk import ENTRY_POINTS, PLUGIN, open_desk
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster, OperatorProcess

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def rented() -> Iterator[tuple[Any, str]]:
    with open_desk(boot_s=0.2) as desk:
        yield desk


@pytest.fixture
def desk(rented: tuple[Any, str]) -> Iterator[Any]:
    """The desk, with its books as they were afterwards."""
    books, _ = rented
    yield books
    books.capacity, books.lives_s, books.refusing = 4, float("inf"), None


@pytest.fixture(scope="module")
def settings(rented: tuple[Any, str]) -> dict[str, Any]:
    mine = {"provisioner": "desk", "plugins": {"provisioner": {"desk": {"url": rented[1]}}}}
    return {**SETTINGS, **mine, "orphans": {"interval": 1, "delete": True}}


@pytest.fixture(scope="module")
def environ(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    site = tmp_path_factory.mktemp("desk-plugin")
    write_distribution(site, "acme-desk", ENTRY_POINTS, {})
    return {"PYTHONPATH": os.pathsep.join((str(site), str(PLUGIN), os.environ.get("PYTHONPATH", "")))}


@pytest.fixture(scope="module")
def unlabelled() -> set[str]:
    """Labels that machines forget when they join."""
    return set()


@pytest.fixture(scope="module", autouse=True)
def joining(plane: Cluster, rented: tuple[Any, str], unlabelled: set[str]) -> Iterator[None]:
    """Running machines join the cluster, and those that are gone leave it."""
    ending, machines, books = threading.Event(), Workspaces(plane), rented[0]
    joined: set[str] = set()

    def join() -> None:
        while not ending.wait(0.1):
            running = {each["name"]: each["labels"] for each in books.listed() if each["state"] == "running"}
            for name in running.keys() - joined:
                labels = {key: value for key, value in running[name].items() if key not in unlabelled}
                # A node of that name may still be on its way out.
                with suppress(RuntimeError, AssertionError, subprocess.CalledProcessError):
                    machines.node(name, "nobody", labels=labels)
                    joined.add(name)
            for name in joined - running.keys():
                plane.kubectl("delete", "node", name, "--wait=false", "--ignore-not-found")
                joined.discard(name)

    thread = threading.Thread(target=join, daemon=True)
    thread.start()
    yield
    ending.set()
    thread.join()


def desired(workspaces: Workspaces, name: str, **resource: Any) -> dict[str, Any]:
    return workspaces.inference(name, provisioner="desk", instanceType="desk-a10", **resource)


def message_of(workspaces: Workspaces, name: str, kind: str) -> str:
    conditions = workspaces.get(name)["status"]["conditions"]
    return str(next(each["message"] for each in conditions if each["type"] == kind))


def test_a_machine_is_rented_joins_serves_and_is_returned(workspaces: Workspaces, desk: Any) -> None:
    workspaces.apply(desired(workspaces, "rented"))
    workspaces.until("rented", "Ready")
    (machine,) = desk.listed()
    assert machine["size"] == "desk-a10"
    status = workspaces.get("rented")["status"]
    assert status["workerNodes"] == [machine["name"]]
    assert status["plan"]["instanceType"] == "desk-a10"
    assert status["cost"]["usdPerHour"] == 0.9
    workspaces.plane.kubectl("delete", "workspace", "rented", "--timeout=60s")
    wait_until(lambda: not desk.listed(), "the machine is returned")


def test_a_full_contract_stalls_until_there_is_room(workspaces: Workspaces, desk: Any) -> None:
    desk.capacity = 0
    workspaces.apply(desired(workspaces, "crowded"))
    wait_until(lambda: workspaces.condition("crowded", "Stalled") == ("True", "QuotaExceeded"), "it is stalled")
    assert "your contract" in message_of(workspaces, "crowded", "Ready")
    desk.capacity = 4
    workspaces.until("crowded", "Ready")


def test_a_node_without_its_labels_is_named(workspaces: Workspaces, desk: Any, unlabelled: set[str]) -> None:
    unlabelled.add("ws")
    workspaces.apply(desired(workspaces, "plain"))
    wait_until(lambda: workspaces.condition("plain", "NodesReady") == ("False", "NodeLabelsMissing"), "it is named")
    (machine,) = [each for each in desk.listed() if each["labels"]["ws"] == "plain"]
    assert f"node {machine['name']} lacks ws=plain" in message_of(workspaces, "plain", "NodesReady")
    unlabelled.clear()
    workspaces.plane.kubectl("label", "node", machine["name"], "ws=plain", "--overwrite")
    workspaces.until("plain", "Ready")


def test_a_machine_of_nobody_is_returned_and_told(operator: OperatorProcess, desk: Any) -> None:
    owner = {"desk.acme.example/namespace": "default", "desk.acme.example/workspace": "long-gone"}
    desk.rent("stray", {"size": "desk-a10", "labels": owner})
    wait_until(lambda: "stray" not in desk.machines, "it is returned")
    assert "orphan of desk: stray is given back" in Path(operator.log).read_text()


@pytest.mark.slow  # It waits for 80 s of pauses; the simulators hold the same rule for every provisioner.
def test_a_machine_that_dies_again_and_again_is_rented_ever_more_rarely(workspaces: Workspaces, desk: Any) -> None:
    desk.lives_s = 2.0
    workspaces.apply(desired(workspaces, "dying"))
    wait_until(lambda: workspaces.condition("dying", "Ready") == ("False", "BackingOff"), "it backs off", timeout_s=240)
    assert "machines were lost" in message_of(workspaces, "dying", "Ready")
