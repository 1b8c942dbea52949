"""Laws of a runtime's own Kubernetes objects, beside its Launch or in its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from llmwright.plugins.discovery import Kind
from llmwright.plugins.drivers import Names, Runtime
from llmwright.testing.drivers import DriverContract
from llmwright.testing.launches import as_json
from llmwright.testing.purity import twice_alike
from llmwright.values.launch import Launch
from llmwright.values.nodes import Failed, Ready, Watch

CLUSTER_SCOPED = re.compile(
    "APIService|Cluster(Role|RoleBinding)|CSIDriver|CustomResourceDefinition|Namespace|Node|PersistentVolume|"
    "(Ingress|Priority|Runtime|Storage)Class|(Mutating|Validating)WebhookConfiguration"
)

POD = {
    "metadata": {"labels": {"kaito.sh/workspace": "demo"}},
    "spec": {"containers": [{"name": "demo", "image": "registry.example/demo:1"}]},
}
NAMES = Names("demo", "default", nodes=1, pod=POD)
"""The names with which the contract asks for objects."""


class RuntimeObjectsContract(DriverContract):
    """Laws of what ``objects`` and ``status`` answer. A runtime without objects of its own keeps them all."""

    kind: ClassVar[Kind] = "runtime"

    @pytest.fixture
    def objects(self, driver: Runtime, launch: Launch) -> tuple[Mapping[str, Any], ...]:
        """Its objects beside the Launch, made twice from the same arguments."""
        return tuple(twice_alike(driver.objects, launch, NAMES))

    def test_objects_are_kubernetes_objects(self, driver: Runtime, objects: tuple[Mapping[str, Any], ...]) -> None:
        """Further objects are data with apiVersion, kind and a name that begins with the Workspace's, each once."""
        for manifest in objects:
            assert as_json(manifest)
            assert manifest["apiVersion"]
            assert manifest["kind"]
            assert manifest["metadata"]["name"].startswith(NAMES.workspace)
        named = [(manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"]) for manifest in objects]
        assert len(named) == len(set(named)), "two objects of one kind and name"

    def test_objects_lie_in_the_workspace_s_namespace(self, objects: tuple[Mapping[str, Any], ...]) -> None:
        """None names another namespace, nor an owner: both are the core's to say."""
        for manifest in objects:
            kind = manifest["kind"]
            assert not CLUSTER_SCOPED.fullmatch(kind), f"objects has a {kind}, of no namespace; see access_rules"
            place = manifest["metadata"].get("namespace", NAMES.namespace)
            assert place == NAMES.namespace, f"{manifest['kind']} names another namespace"
            assert "ownerReferences" not in manifest["metadata"], f"{manifest['kind']} names an owner"

    def test_watches_covers_what_status_speaks_of(
        self, driver: Runtime, objects: tuple[Mapping[str, Any], ...]
    ) -> None:
        """``status`` is pure, and each object that it has a word for is of a kind that ``watches`` names."""
        watched = {(_version(watch), watch.plural) for watch in driver.watches()}
        assert all(watch.version and watch.plural and watch.labels is None for watch in driver.watches())
        for manifest in objects:
            if twice_alike(driver.status, manifest) is not None:
                assert (manifest["apiVersion"], plural_of(manifest["kind"])) in watched, (
                    f"{manifest['kind']} is not watched"
                )

    def test_is_not_ready_before_anything_is_there(
        self, driver: Runtime, objects: tuple[Mapping[str, Any], ...]
    ) -> None:
        """An object without ``status``, as it is when it was just made, is never Ready, nor failed for good."""
        for manifest in objects:
            outcome = driver.status(manifest)
            assert not isinstance(outcome, Ready), f"{manifest['kind']} is ready without a status"
            assert not isinstance(outcome, Failed) or outcome.kind == "transient"

    def test_what_serves_is_there_and_says_so(self, driver: Runtime, objects: tuple[Mapping[str, Any], ...]) -> None:
        """With ``serves_as``, one object of that kind has the Workspace's name, and ``status`` judges it."""
        if driver.serves_as is None:
            return
        version = _version(driver.serves_as)
        serving = [
            manifest
            for manifest in objects
            if manifest["apiVersion"] == version
            and manifest["metadata"]["name"] == NAMES.workspace
            and plural_of(manifest["kind"]) == driver.serves_as.plural
        ]
        assert len(serving) == 1, f"no {driver.serves_as.plural} named {NAMES.workspace}"
        assert driver.status(serving[0]) is not None, "status says nothing about what serves"

    def test_correction_leaves_alone_what_is_in_line(
        self, driver: Runtime, objects: tuple[Mapping[str, Any], ...]
    ) -> None:
        """``correction`` is pure, and None for each of its own objects as they were rendered."""
        for server in objects:
            for manifest in objects:
                assert twice_alike(driver.correction, server, manifest) is None, f"{manifest['kind']} is never in line"


def plural_of(kind: str) -> str:
    """A kind's plural, as ``kubectl`` guesses it (``meta.UnsafeGuessKindToResource``)."""
    name = kind.lower()
    if name.endswith("s"):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _version(watch: Watch) -> str:
    return f"{watch.group}/{watch.version}" if watch.group else watch.version
