"""What an older version accepted, and today's CRD or webhook would not, can still be labelled, edited and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.support.operating import SETTINGS, Shift
from tests.cluster.support.reviewing import CONFIGURATION, Requests
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

from llmwright.api.crd import crd
from llmwright.targets.kubernetes.cluster.api_resources import WEBHOOK_CONFIGURATION, WEBHOOK_CONFIGURATIONS
from llmwright.targets.kubernetes.operator.report.status_patch import FINALIZER
from llmwright.testing.cluster import Cluster
from llmwright.testing.cluster.installation import rights
from llmwright.testing.cluster.programs import free_port

pytestmark = pytest.mark.cluster

Object = dict[str, Any]

MODEL = {"name": "phi-4-mini-instruct"}
ODD: dict[str, tuple[Object, Object]] = {
    "name-of-config": ({"inference": {"preset": MODEL, "config": "Not A Name"}}, {"inference": {"runtime": "vllm"}}),
    "replicas": ({"inference": {"preset": MODEL, "replicas": -3}}, {"inference": {"runtime": "vllm"}}),
    "count": ({"resource": {"count": 9999}}, {"resource": {"preferredNodes": ["a"]}}),
    "access": ({"inference": {"preset": {**MODEL, "accessMode": "shared"}}}, {"inference": {"runtime": "vllm"}}),
    "wrong-type": ({"inference": {"preset": MODEL, "adapters": "none"}}, {"inference": {"runtime": "vllm"}}),
    "no-selector": ({"resource": {"labelSelector": None}}, {"inference": {"runtime": "vllm"}}),
    "both": ({"tuning": {"method": "qlora", "preset": MODEL}}, {"inference": {"runtime": "vllm"}}),
    "tunes-twice": (
        {"inference": None, "resource": {"count": 2}, "tuning": {"method": "qlora", "preset": MODEL}},
        {"resource": {"preferredNodes": ["a"]}},
    ),
    "dots.in-it": ({}, {"inference": {"runtime": "vllm"}}),
    "neither": ({"inference": None}, {"resource": {"preferredNodes": ["a"]}}),
    "unknown": ({"inference": {"preset": MODEL, "speed": {"limit": 3}}}, {"inference": {"runtime": "vllm"}}),
    "no-such-preset": ({"inference": {"preset": {"name": "long-gone"}}}, {"inference": {"runtime": "vllm"}}),
    "no-such-type": ({"resource": {"instanceType": "Standard_Gone"}}, {"inference": {"runtime": "vllm"}}),
    "retired-type": ({"resource": {"instanceType": "Standard_NC6s_v3"}}, {"inference": {"runtime": "vllm"}}),
    "driver": ({"resource": {"provisioner": "gone"}}, {"inference": {"runtime": "vllm"}}),
}
"""What is stored, and a later edit of another field."""


@pytest.fixture
def requests(plane: Cluster) -> Iterator[Requests]:
    found = Requests(plane)
    yield found
    found.close()


def older_crd() -> Object:
    """The CRD of a version that had no schema at all."""
    lax = crd()
    for version in lax["spec"]["versions"]:
        version["schema"] = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
        for column in version.get("additionalPrinterColumns", ()):
            column.pop("priority", None)
    return lax


def stored(plane: Cluster, requests: Requests, workspaces: Workspaces) -> dict[str, Object]:
    """Each of ``ODD``, accepted by an older version whose operator had begun with it; then comes today's CRD."""
    plane.apply(older_crd())
    found = {}
    for name, (odd, _) in ODD.items():
        wanted = workspaces.inference(f"odd-{name}")
        wanted["metadata"]["finalizers"] = [FINALIZER]
        for part, fields in odd.items():
            kept = {**wanted.get(part, {}), **(fields or {})}
            wanted[part] = {field: value for field, value in kept.items() if value is not None}
            if fields is None:
                del wanted[part]
        workspaces.names.append(wanted["metadata"]["name"])
        # The API server takes a moment to forget the schema before.
        wait_until(lambda wanted=wanted: requests.create(wanted, dry=False).code == 201, f"{name} is stored")  # type: ignore[misc]
        found[name] = wanted
    plane.apply(crd())
    strange = {**workspaces.inference("strange"), "resource": {"count": 9999}}
    wait_until(lambda: requests.create(strange).code == 422, "today's CRD refuses such a one")
    return found


def live_on(plane: Cluster, requests: Requests, workspaces: Workspaces, found: dict[str, Object]) -> None:
    """Label, edit and delete each."""
    for name, workspace in found.items():
        said = requests.merge(workspace, {"metadata": {"labels": {"team": "search"}}})
        assert said.code == 200, (name, said.message)
        edited = requests.merge(workspace, ODD[name][1])
        assert edited.code == 200, (name, edited.message)
    for name in found:
        wait_until(lambda name=name: workspaces.condition(f"odd-{name}", "Ready")[0], f"{name} is judged")  # type: ignore[misc]
    for name, workspace in found.items():
        assert requests.delete(workspace).code == 200, name
    wait_until(workspaces.gone("odd-"), "all are gone with their finalizers")


def test_without_a_webhook(plane: Cluster, shift: Shift, requests: Requests) -> None:
    shift.off()
    workspaces = Workspaces(plane)
    try:
        found = stored(plane, requests, workspaces)
        shift.on(SETTINGS, {})
        live_on(plane, requests, workspaces, found)
    finally:
        plane.apply(crd())
        workspaces.abandon()


@pytest.mark.slow
def test_with_the_webhook(plane: Cluster, shift: Shift, requests: Requests) -> None:
    shift.off()
    plane.apply(*rights(webhook=True))
    workspaces, port = Workspaces(plane), free_port()
    address = {"url": f"https://127.0.0.1:{port}/", "port": port, "failurePolicy": "Fail", "validity": 600}
    try:
        found = stored(plane, requests, workspaces)
        shift.on({**SETTINGS, "webhook": address}, {})
        unknown = workspaces.inference("unknown-preset")
        unknown["inference"]["preset"] = {"name": "phi-4-mini-instrukt"}
        wait_until(lambda: "unknown preset" in requests.create(unknown).message, "the webhook judges")
        live_on(plane, requests, workspaces, found)
    finally:
        shift.off()
        requests.send("DELETE", CONFIGURATION)
        plane.kubectl("delete", str(WEBHOOK_CONFIGURATIONS), WEBHOOK_CONFIGURATION, "--ignore-not-found")
        plane.apply(crd(), *rights())
        workspaces.abandon()
