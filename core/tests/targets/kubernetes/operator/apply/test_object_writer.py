"""Objects that the controller of a runtime's server made, and does not keep in line with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from llmwright.errors import PluginContract
from llmwright.targets.kubernetes.cluster.api_resources import Resource
from llmwright.targets.kubernetes.operator.apply.object_writer import ObjectWriter
from llmwright.targets.kubernetes.operator.cache.owner_reference import Owner
from llmwright.testing import make_context
from llmwright.testing.fakes import FakeRuntime
from llmwright.values.nodes import Watch

SERVERS = Watch(group="demo.example.com", version="v1", plural="demos")
SHARDS = Watch(group="demo.example.com", version="v1", plural="shards")
KINDS = {watch.plural: Resource(watch.group, watch.version, watch.plural) for watch in (SERVERS, SHARDS)}
OWNER = Owner("ns", "ws", "1-2", KINDS["demos"])


class Sharded(FakeRuntime):
    """Its controller makes shards once, and never resizes them."""

    serves_as = SERVERS

    def watches(self) -> tuple[Watch, ...]:
        """The server and its shards."""
        return SERVERS, SHARDS

    def correction(
        self, server: Mapping[str, Any], manifest: Mapping[str, Any], pods: Sequence[Mapping[str, Any]] = ()
    ) -> Mapping[str, Any] | None:
        """The server's own size, and which of its pods go."""
        if "size" not in manifest or manifest["size"] == server["size"]:
            return None
        going = {"going": [pod["metadata"]["name"] for pod in pods]} if pods else {}
        return {"size": server["size"] // (manifest["size"] != 0), **going}


class Store(dict[str, Any]):
    """One kind's objects by name."""

    def of(self, key: tuple[str, str]) -> list[Any]:
        """All of them."""
        return [live for live in self.values() if key == OWNER.key]

    def get(self, namespace: str, name: str) -> Any:  # type: ignore[override]
        """One of them."""
        return super().get(name)

    def put(self, live: Any, expected: Any) -> None:
        """Keep it."""
        self[live["metadata"]["name"]] = live


def manifest(name: str, size: int, **metadata: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "ns", **metadata}, "size": size}


def corrected(*shards: Any, server: Any = None, pods: Sequence[Any] = ()) -> list[tuple[str, str, Any]]:
    """The patches that are sent."""
    sent: list[tuple[str, str, Any]] = []
    stores = {
        "demos": Store(ws=server or manifest("ws", 3)),
        "shards": Store({s["metadata"]["name"]: s for s in shards}),
        "pods": Store({pod["metadata"]["name"]: pod for pod in pods}),
    }

    def merge(kind: Resource, namespace: str, name: str, patch: Mapping[str, Any]) -> Any:
        sent.append((kind.plural, name, patch))
        return {**stores[kind.plural][name], **patch}

    children = SimpleNamespace(
        of=lambda kind: stores[kind.plural], find=lambda owner, kind, name: stores[kind.plural].get("ns", name)
    )
    writer = ObjectWriter(cast("Any", SimpleNamespace(merge=merge)), cast("Any", children), *(cast("Any", None),) * 3)
    runtime = Sharded(make_context())
    writer.correct(OWNER, runtime)
    writer.correct(OWNER, runtime)
    return sent


def test_what_a_controller_leaves_behind_is_patched_once() -> None:
    assert corrected(manifest("ws-a", 1), manifest("ws-b", 3)) == [("shards", "ws-a", {"size": 3})]


def test_the_pods_of_the_workspace_are_known_to_whoever_corrects() -> None:
    patch = {"size": 3, "going": ["ws-x"]}
    assert corrected(manifest("ws-a", 1), pods=[{"metadata": {"name": "ws-x"}}]) == [("shards", "ws-a", patch)]


def test_nothing_is_patched_that_leaves_or_whose_server_does() -> None:
    leaving = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert corrected(manifest("ws-a", 1, **leaving)) == []
    assert corrected(manifest("ws-a", 1), server=manifest("ws", 3, **leaving)) == []


def test_a_runtime_that_breaks_there_is_named() -> None:
    with pytest.raises(PluginContract, match="Sharded' failed in correction: ZeroDivisionError"):
        corrected(manifest("ws-a", 0))
