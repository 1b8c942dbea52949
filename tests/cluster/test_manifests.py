"""A real API server takes every object that we render."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conformance.manifest_scenario import Cluster
from tests.conformance.test_manifest_variations import scenario
from tests.support.kaito_facts import MANIFESTS

from llmwright.testing.cluster import ControlPlane

pytestmark = pytest.mark.cluster

DISTRIBUTED = scenario(inference={"preset": {"name": "llama-3.3-70b-instruct"}}, nodes=3)
TUNED = {
    "preset": {"name": "phi-4"},
    "method": "qlora",
    "input": {"urls": ["https://data.example/rows.parquet"]},
    "output": {"image": "registry.example/a:1", "imagePushSecret": "push"},
}
ADAPTERS = [
    {"source": {"name": "one", "image": "registry.example/a:1", "imagePullSecrets": ["key"]}, "strength": "0.5"},
    {"source": {"name": "two", "volumeSource": {"persistentVolumeClaim": {"claimName": "claim"}}}},
]
PLAIN = {"annotations": {"kaito.sh/runtime": "transformers"}}
SCENARIOS = {
    "engine": scenario(),
    "several machines": DISTRIBUTED,
    "adapters": scenario(inference={"adapters": ADAPTERS}, about=PLAIN),
    "tuning": scenario(tuning=TUNED),
    "slice": scenario({"partition": {"mode": "mig", "profile": "3g.40gb"}}),
    "decoding": scenario(about={"labels": {"kaito.sh/inference-role": "decode"}}),
    "local weights": scenario(about={"annotations": {"kaito.sh/use-local-weights": "true"}}),
    "load balancer": scenario(about={"annotations": {"kaito.sh/enablelb": "True"}}),
    "template": scenario(
        inference={"preset": None, "template": {"spec": {"containers": [{"name": "c", "image": "i:1"}]}}}
    ),
}
KINDS = {"service": ("v1", "Service"), "headless_service": ("v1", "Service")}


def with_goldens() -> dict[str, Any]:
    """Upstream's scenarios too, where they lie beside this checkout."""
    goldens = json.loads(MANIFESTS.read_text()) if MANIFESTS.is_file() else {}
    return {**SCENARIOS, **{name: one["input"] for name, one in goldens.items() if "panic" not in one["output"]}}


@pytest.fixture(scope="module")
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    control_plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "manifests"}})
    yield "manifests"
    control_plane.kubectl("delete", "namespace", "manifests", "--wait=false")


@pytest.mark.parametrize(("name", "given"), with_goldens().items(), ids=lambda it: it if isinstance(it, str) else "")
def test_the_api_server_takes_it(control_plane: ControlPlane, namespace: str, name: str, given: dict[str, Any]) -> None:
    rendered = Cluster().objects(given)
    for kind, found in rendered.items():
        if kind == "nodeclaim":
            continue
        about = {**found["metadata"], "namespace": namespace}
        taken = dry_run(control_plane, {**typed(kind, found), "metadata": about, "spec": found["spec"]})
        assert taken["metadata"]["labels"]["kaito.sh/workspace"]


def typed(kind: str, found: dict[str, Any]) -> dict[str, str]:
    workload = ("apps/v1", "StatefulSet") if "replicas" in found["spec"] else ("batch/v1", "Job")
    version, name = KINDS.get(kind, workload)
    return {"apiVersion": version, "kind": name}


def dry_run(control_plane: ControlPlane, found: dict[str, Any]) -> dict[str, Any]:
    """What the API server would store; unknown fields are refused."""
    arguments = ("apply", "--server-side", "--dry-run=server", "--validate=strict", "--field-manager=tests")
    taken: dict[str, Any] = json.loads(control_plane.kubectl(*arguments, "-ojson", "-f", "-", stdin=json.dumps(found)))
    return taken
