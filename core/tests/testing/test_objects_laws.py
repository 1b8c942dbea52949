"""The laws about a runtime's own objects: one that keeps them, and others that break one each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest

from llmwright.plugins.drivers import Driver, Names
from llmwright.testing import RuntimeContract, make_context
from llmwright.testing.fakes import FakeRuntime
from llmwright.testing.runtime_objects import plural_of
from llmwright.values.launch import Launch, Process
from llmwright.values.nodes import Failed, Outcome, Ready, Waiting, Watch

DEMO = Watch(group="demo.example.com", version="v1", plural="demoservices")


class ServingByItself(FakeRuntime):
    """Serves by a kind of its own, which it judges."""

    serves_as = DEMO

    def objects(self, launch: Launch, names: Names) -> Iterable[Mapping[str, Any]]:
        """The server, and notes beside it."""
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{names.workspace}-notes"}, "data": {}}
        yield {
            "apiVersion": "demo.example.com/v1",
            "kind": "DemoService",
            "metadata": {"name": names.workspace},
            "spec": {"replicas": names.nodes, "template": names.pod},
        }

    def watches(self) -> tuple[Watch, ...]:
        """Its own kind alone."""
        return (DEMO,)

    def status(self, manifest: Mapping[str, Any]) -> Outcome | None:
        """By the phase that its controller tells."""
        if manifest["kind"] != "DemoService":
            return None
        status = manifest.get("status") or {}
        if status.get("phase") == "Failed":
            return Failed("invalid", status["message"])
        return Ready() if status.get("phase") == "Ready" else Waiting("DemoStarting", "it starts")


class TestServingByItself(RuntimeContract):
    @pytest.fixture
    def driver(self) -> FakeRuntime:
        return ServingByItself(make_context())

    @pytest.fixture
    def served_launch(self) -> Launch:
        pytest.skip("it serves files, and no model")

    @pytest.mark.xfail(reason="it is part of no distribution", strict=True)
    def test_its_entry_point_loads(self, driver: Driver) -> None:
        super().test_its_entry_point_loads(driver)


class Unwatched(ServingByItself):
    """Judges what it does not watch."""

    def watches(self) -> tuple[Watch, ...]:
        """Another version."""
        return (Watch(group="demo.example.com", version="v2", plural="demoservices"),)


class Hasty(ServingByItself):
    """Calls everything ready."""

    def status(self, manifest: Mapping[str, Any]) -> Outcome | None:
        """Always Ready."""
        return Ready()


class Mute(ServingByItself):
    """Says nothing about what serves."""

    def status(self, manifest: Mapping[str, Any]) -> Outcome | None:
        """Nothing."""
        return None


class Restless(ServingByItself):
    """Finds something to mend in what it has just rendered."""

    def correction(
        self, server: Mapping[str, Any], manifest: Mapping[str, Any], pods: Sequence[Mapping[str, Any]] = ()
    ) -> Mapping[str, Any] | None:
        """Always a patch."""
        return {"spec": {}}


class Elsewhere(ServingByItself):
    """Puts its objects where it likes."""

    def objects(self, launch: Launch, names: Names) -> Iterable[Mapping[str, Any]]:
        """One in another namespace."""
        yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "demo-notes", "namespace": "other"}}


@pytest.mark.parametrize(
    ("runtime", "law", "message"),
    [
        (Unwatched, "test_watches_covers_what_status_speaks_of", "DemoService is not watched"),
        (Hasty, "test_is_not_ready_before_anything_is_there", "ready without a status"),
        (Mute, "test_what_serves_is_there_and_says_so", "says nothing about what serves"),
        (Restless, "test_correction_leaves_alone_what_is_in_line", "ConfigMap is never in line"),
        (Elsewhere, "test_what_serves_is_there_and_says_so", "no demoservices named demo"),
        (Elsewhere, "test_objects_lie_in_the_workspace_s_namespace", "names another namespace"),
    ],
)
def test_a_broken_law_is_caught(runtime: type[ServingByItself], law: str, message: str) -> None:
    driver = runtime(make_context())
    launch = Launch(main=Process(name="serve", argv=("run",)))
    objects = tuple(driver.objects(launch, Names("demo", "default")))
    given = (objects,) if "namespace" in law else (driver, objects)
    with pytest.raises(AssertionError, match=message):
        getattr(RuntimeContract(), law)(*given)


@pytest.mark.parametrize(
    ("kind", "plural"),
    [("RayService", "rayservices"), ("NetworkPolicy", "networkpolicies"), ("Ingress", "ingresses")],
)
def test_plurals_are_guessed_as_kubectl_does(kind: str, plural: str) -> None:
    assert plural_of(kind) == plural
