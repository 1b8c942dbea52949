from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stevedore import ExtensionManager

from llmwright.plugins.discovery import PluginEntry, canonical, discover, supported
from llmwright.plugins.registry import Registry

RUNTIMES = "llmwright.runtimes.v1"


def rows(name: str, **rules: Any) -> list[PluginEntry]:
    return [entry for entry in discover(**rules) if entry.name == name]


def test_each_row_says_where_it_is_from(declare: Callable[..., Path]) -> None:
    declare("Acme_Serving.Kit", {RUNTIMES: {"acme": "acme.driver:Acme"}}, version="2.3")
    (entry,) = rows("acme")
    assert (entry.kind, entry.target, entry.interface, entry.state) == (
        "runtime",
        "acme.driver:Acme",
        1,
        "found",
    )
    assert entry.origin == "acme-serving-kit 2.3"
    assert entry.group == RUNTIMES


def test_the_same_distribution_twice_on_the_path_is_the_first_of_them(declare: Callable[..., Path]) -> None:
    declare("acme", {RUNTIMES: {"acme": "old:Acme"}}, version="1.0", folder="wheel")
    declare("acme", {RUNTIMES: {"acme": "new:Acme"}}, version="2.0", folder="editable")
    assert [(entry.target, entry.state) for entry in rows("acme")] == [("new:Acme", "found")]


def test_claims_that_are_not_neighbours_conflict_all_the_same(declare: Callable[..., Path]) -> None:
    declare("acme-a", {RUNTIMES: {"acme": "a:A"}})
    declare("acme-b", {RUNTIMES: {"between": "b:B"}})
    declare("acme-c", {RUNTIMES: {"acme": "c:C"}})
    assert [entry.state for entry in rows("acme")] == ["duplicate", "duplicate"]
    assert "c:C of acme-c 1.0" in rows("acme")[0].detail


def test_one_distribution_that_claims_a_name_twice_conflicts_with_itself(declare: Callable[..., Path]) -> None:
    site = declare("acme", {RUNTIMES: {"acme": "a:A"}})
    (site / "acme-1.0.dist-info/entry_points.txt").write_text(f"[{RUNTIMES}]\nacme = a:A\nacme = b:B\n")
    assert [entry.state for entry in rows("acme")] == ["duplicate", "duplicate"]


def test_a_name_may_be_a_runtime_s_and_a_hook_s(declare: Callable[..., Path]) -> None:
    declare("acme", {RUNTIMES: {"acme": "a:A"}, "llmwright.hooks.v1": {"acme": "a"}})
    assert [entry.state for entry in rows("acme")] == ["found", "found"]


def test_hooks_of_one_name_do_not_conflict(declare: Callable[..., Path]) -> None:
    declare("acme-a", {"llmwright.hooks.v1": {"policy": "a"}})
    declare("acme-b", {"llmwright.hooks.v1": {"policy": "b"}})
    assert [entry.state for entry in rows("policy")] == ["found", "found"]


@pytest.mark.parametrize(
    ("core", "state", "target"), [(1, "found", "a:V1"), (2, "found", "a:V2"), (3, "found", "a:V2")]
)
def test_of_two_interfaces_the_newest_that_is_read_counts(
    declare: Callable[..., Path], core: int, state: str, target: str
) -> None:
    declare("acme", {RUNTIMES: {"acme": "a:V1"}, "llmwright.runtimes.v2": {"acme": "a:V2"}})
    assert [(entry.state, entry.target) for entry in rows("acme", interface=core)] == [(state, target)]


def test_an_older_interface_asks_for_an_older_llmwright(declare: Callable[..., Path]) -> None:
    declare("acme", {RUNTIMES: {"acme": "a:A"}})
    (entry,) = rows("acme", interface=4)
    assert entry.state == "incompatible"
    assert entry.detail == "needs interface v1, this llmwright reads v4 and v3: it wants an older llmwright"


def test_only_allowed_distributions_are_used_and_the_core_s_own(declare: Callable[..., Path]) -> None:
    declare("acme-one", {RUNTIMES: {"one": "a:A"}})
    declare("acme-two", {RUNTIMES: {"two": "b:B"}})
    allowed = frozenset({"Acme_One"})
    states = {name: rows(name, allowed=allowed)[0].state for name in ("one", "two", "local")}
    assert states == {"one": "found", "two": "blocked", "local": "found"}
    assert rows("two", allowed=allowed)[0].detail == "blocked: acme-two is not among the allowed distributions"


def test_interfaces_that_are_read() -> None:
    assert supported(1) == {1}
    assert supported(5) == {4, 5}


def test_canonical_names() -> None:
    assert canonical("Model_wright..Runtime") == "model-wright-runtime"


def test_a_plugin_installed_again_a_moment_later_is_seen(declare: Callable[..., Path]) -> None:
    """stevedore's cache on disk rounds modification times to some two minutes; ours must not answer from it."""
    declare("acme", {RUNTIMES: {"acme": "acme_mod:First"}}, files={"acme_mod.py": DRIVER})
    assert Registry().runtime("acme").__name__ == "First"
    declare("acme", {RUNTIMES: {"acme": "acme_mod:Second"}})
    assert Registry().runtime("acme").__name__ == "Second"


def test_stevedore_s_memory_is_left_alone(declare: Callable[..., Path]) -> None:
    before = dict(ExtensionManager.ENTRY_POINT_CACHE)
    declare("acme", {RUNTIMES: {"acme": "acme_mod2:First"}}, files={"acme_mod2.py": DRIVER})
    Registry().runtime("acme")
    assert before == ExtensionManager.ENTRY_POINT_CACHE


DRIVER = """
from llmwright.plugins.drivers import Capabilities, Runtime
class First(Runtime):
    targets = frozenset({"local"})
    capabilities = Capabilities()
    def launch(self, preset, fit, adapters, config):
        raise AssertionError
class Second(First):
    pass
"""
