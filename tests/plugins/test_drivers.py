"""Drivers of throw-away distributions, each with its own trap."""

from __future__ import annotations

from typing import Any

import pytest


def test_a_stranger_s_driver_loads(environment: Any) -> None:
    assert environment.ask("registry.runtime('good').__name__") == "Good"


def test_only_the_named_driver_is_imported(environment: Any) -> None:
    code = "(registry.runtime('good'), sorted(m for m in __import__('sys').modules if m.startswith('acme_')))[1]"
    assert environment.ask(code) == ["acme_good"]


def test_listing_imports_no_plugin(environment: Any) -> None:
    listed = environment.ask(
        "[(len(registry.entries())), [m for m in __import__('sys').modules if m.startswith('acme')]]"
    )
    assert listed[0] >= 25
    assert listed[1] == []


def test_a_missing_plugin_says_what_is_installed(environment: Any) -> None:
    kind, reason, message, hint = environment.ask("error_of(registry.runtime, 'goood')")
    assert (kind, reason) == ("PluginNotFound", "PluginNotFound")
    assert "no runtime 'goood'" in message
    assert "good" in message.split("installed: ")[1].split(", ")
    assert hint == "did you mean 'good'?"


def test_two_distributions_with_one_name_conflict(environment: Any) -> None:
    kind, _, message, hint = environment.ask("error_of(registry.runtime, 'twin')")
    assert kind == "PluginConflict"
    assert "twin-one 1.0" in message
    assert "twin-two 1.0" in message
    assert "--no-plugin twin-one" in hint
    states = environment.ask("[row.state for row in registry.entries() if row.name == 'twin']")
    assert states == ["duplicate", "duplicate"]


def test_blocking_one_of_two_ends_the_conflict(environment: Any) -> None:
    module = environment.ask("Registry(['twin_one']).runtime('twin').__module__")
    assert module == "twin_two"


@pytest.mark.parametrize("word", ["good", "runtime:good", "runtimes:good", "llmwright.runtimes.v1:good", "acme-good"])
def test_a_blocked_plugin_is_not_used(environment: Any, word: str) -> None:
    kind, _, message, hint = environment.ask(f"error_of(Registry([{word!r}]).runtime, 'good')")
    assert kind == "PluginNotFound"
    assert f"blocked by '{word}'" in message
    assert "--no-plugin" in hint


def test_a_failing_import_is_carried_along(environment: Any) -> None:
    kind, reason, message, _ = environment.ask("error_of(registry.runtime, 'broken')")
    assert (kind, reason) == ("PluginLoadFailed", "PluginLoadFailed")
    assert "acme-broken 1.0" in message
    assert "ImportError: libacme.so.7: cannot open shared object file" in message


def test_a_missing_dependency_is_not_a_missing_plugin(environment: Any) -> None:
    kind, reason, message, hint = environment.ask("error_of(registry.runtime, 'needy')")
    assert (kind, reason) == ("PluginLoadFailed", "PluginDependencyMissing")
    assert "No module named 'not_there'" in message
    assert hint == "pip install not-there"


def test_a_dependency_of_an_extra_names_the_extra(environment: Any) -> None:
    assert environment.ask("error_of(registry.runtime, 'lazy')")[3] == "pip install 'acme-lazy[serve]'"


def test_a_plugin_without_its_own_module_is_damaged(environment: Any) -> None:
    kind, reason, message, hint = environment.ask("error_of(registry.runtime, 'hollow')")
    assert (kind, reason) == ("PluginLoadFailed", "PluginLoadFailed")
    assert "its own module is not there" in message
    assert "--force-reinstall acme-hollow" in hint


def test_a_missing_workload_extra_is_told_apart(environment: Any) -> None:
    assert environment.ask("registry.runtime('good').__name__") == "Good"
    kind, reason, message, hint = environment.ask("error_of(registry.require_workload, 'runtime', 'good')")
    assert (kind, reason) == ("PluginLoadFailed", "WorkloadExtraMissing")
    assert "surely-not-installed" in message
    assert hint == "pip install 'acme-good[serve]', or name another runtime: `llmwright plugins list`"
    assert environment.ask("error_of(registry.require_workload, 'runtime', 'falsy')") is None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("nameless", "'Nameless', which its module does not have"),
        ("function", "is a function, not a class"),
        ("stranger", "is not derived from llmwright.plugins.drivers.Runtime"),
        ("bare", "lacks launch"),
        ("aimless", "declares no targets"),
    ],
)
def test_a_broken_contract_is_named(environment: Any, name: str, fault: str) -> None:
    kind, reason, message, _ = environment.ask(f"error_of(registry.runtime, {name!r})")
    assert (kind, reason) == ("PluginContract", "PluginContract")
    assert f"acme-{name} 1.0" in message
    assert fault in message


def test_a_falsy_class_is_a_driver_like_any_other(environment: Any) -> None:
    assert environment.ask("[bool(registry.runtime('falsy')), registry.runtime('falsy').__name__]") == [False, "Falsy"]


def test_another_interface_version_says_who_needs_what(environment: Any) -> None:
    kind, reason, message, hint = environment.ask("error_of(registry.runtime, 'future')")
    assert (kind, reason) == ("PluginContract", "PluginIncompatible")
    assert "acme-future 1.0" in message
    assert "needs interface v2, this llmwright reads v1" in message
    assert hint == "pip install -U llmwright acme-future"


def test_the_interface_before_is_read_too(environment: Any) -> None:
    states = environment.ask(
        "{row.name: row.state for row in Registry(interface=2).entries() if row.name in ('future', 'good')}"
    )
    assert states == {"future": "found", "good": "found"}
    assert environment.ask("Registry(interface=2).runtime('good').__name__") == "Good"
    assert environment.ask("error_of(Registry(interface=3).runtime, 'good')")[0] == "PluginContract"


def test_a_plugin_that_exits_does_not_end_us(environment: Any) -> None:
    kind, _, message, _ = environment.ask("error_of(registry.runtime, 'quitter')")
    assert kind == "PluginLoadFailed"
    assert "SystemExit: I quit" in message


def test_check_loads_tries_each_in_its_own_process(environment: Any) -> None:
    rows = environment.ask("[[c.entry.name, c.error, c.hint] for c in registry.check_loads()]")
    errors = {name: error for name, error, _ in rows}
    assert errors["good"] == errors["talker"] == errors["models"] == ""
    assert "libacme.so.7" in errors["broken"]
    assert "ended with -6" in errors["crasher"]
    assert errors["twin"].startswith("duplicate: also claimed by")
    assert errors["future"].startswith("incompatible: needs interface v2")
    assert "answers 'check_workspce', which is no hook" in errors["hook-misspelt"]


def test_loads_are_traced_on_demand(environment: Any) -> None:
    code = "from llmwright.plugins.registry import Registry; Registry().runtime('good')"
    traced = environment.run(code, LLMWRIGHT_TRACE_PLUGINS="1").stderr
    assert "load runtime good of acme-good 1.0:" in traced
    assert environment.run(code).stderr == ""
