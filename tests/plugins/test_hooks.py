"""Hooks of throw-away distributions: one that is broken does not take the others with it."""

from __future__ import annotations

from typing import Any


def test_answers_come_with_their_distribution(environment: Any) -> None:
    answers = environment.ask(
        "[[found.origin, list(answer)] for found, answer in"
        " registry.hooks().collect('check_workspace', workspace='w', plan=None, preset=None)]"
    )
    assert answers == [["hook-first 1.0", ["first saw w"]]]


def test_a_raising_answer_costs_one_line_and_its_own_answer(environment: Any) -> None:
    lines = environment.ask(
        "(hooks := registry.hooks(), lines.clear(),"
        " hooks.collect('check_workspace', workspace='w', plan=None, preset=None), lines)[3]"
    )
    assert len(lines) == 1
    assert "hook-generator 1.0" in lines[0]
    assert "failed in check_workspace: KeyError: 'half way'" in lines[0]


def test_a_rule_that_could_not_be_asked_is_not_kept(environment: Any) -> None:
    kind, _, message, hint = environment.ask(
        "error_of(registry.hooks().collect, 'check_workspace', required=True, workspace='w', plan=None, preset=None)"
    )
    assert kind == "PluginContract"
    assert "hook-generator 1.0" in message
    assert hint == "--no-plugin hook-generator"


def test_every_observer_is_told_though_one_raises(environment: Any) -> None:
    seen, lines = environment.ask(
        "(seen := [], hooks := registry.hooks(), lines.clear(),"
        " hooks.notify('status_changed', workspace=seen, old=None, new=None), [seen, lines])[4]"
    )
    assert sorted(seen) == ["first", "last"]
    assert len(lines) == 1
    assert "hook-raising 1.0" in lines[0]
    assert "RuntimeError: observer down" in lines[0]


def test_a_look_is_handed_on_from_plugin_to_plugin(environment: Any) -> None:
    seen = environment.ask(
        "list(registry.hooks().revise('manifests', 'objects', ('a',), items=str, workspace='w', plan=None))"
    )
    assert seen in (["A", "w"], ["A", "W"])


def test_what_could_not_be_looked_at_is_not_applied(environment: Any) -> None:
    kind, _, message, hint = environment.ask(
        "error_of(registry.hooks().revise, 'manifests', 'objects', (1,), workspace='w', plan=None)"
    )
    assert kind == "PluginContract"
    assert "hook-looks-too 1.0" in message
    assert "failed in manifests: AttributeError" in message
    assert hint == "--no-plugin hook-looks-too"


def test_a_misspelt_hook_names_function_distribution_and_the_hook_meant(environment: Any) -> None:
    broken = environment.ask("{e.message: [type(e).__name__, e.hint] for e in registry.hooks().broken}")
    message = next(message for message in broken if "hook-misspelt 1.0" in message)
    assert "answers 'check_workspce', which is no hook" in message
    assert broken[message] == ["PluginContract", "did you mean 'check_workspace'?"]


def test_each_broken_hook_plugin_costs_one_line(environment: Any) -> None:
    lines = environment.run("from llmwright.plugins.registry import Registry; Registry().hooks()").stderr.splitlines()
    for name in ("hook-misspelt", "hook-arguments", "hook-unmarked", "hook-broken"):
        assert sum(f"{name} 1.0" in line for line in lines) == 1, name
    assert any("hook-arguments" in line and "price" in line for line in lines)
    assert any("hook-unmarked" in line and "defines no hook" in line for line in lines)
    assert any("hook-broken" in line and "No module named 'not_there'" in line for line in lines)


def test_a_blocked_hook_is_neither_imported_nor_told(environment: Any) -> None:
    lines = environment.ask(
        "(Registry(['hook-broken'], log=lines.append).hooks(), [line for line in lines if 'hook-broken' in line])[1]"
    )
    assert lines == []


def test_a_pack_of_yaml_needs_no_python(environment: Any) -> None:
    for hook, expected in (("presets", ["a.yaml"]), ("instance_types", ["skus.yaml"])):
        answers = environment.ask(f"{{f.origin: [p.name for p in a] for f, a in registry.hooks().collect({hook!r})}}")
        assert answers["acme-pack 1.0"] == expected


def test_a_pack_s_unknown_kind_is_told(environment: Any) -> None:
    lines = environment.ask("(registry.hooks(), [line for line in lines if 'acme-pack' in line])[1]")
    assert len(lines) == 1
    assert "typo.yaml is of kind 'PresetFamly'" in lines[0]


def test_each_hook_call_is_traced_with_its_time(environment: Any) -> None:
    code = "from llmwright.plugins.registry import Registry; Registry().hooks().collect('presets')"
    lines = environment.run(code, LLMWRIGHT_TRACE_PLUGINS="1").stderr.splitlines()
    assert any("hook presets of acme-pack 1.0 (models):" in line and line.endswith(" ms") for line in lines)


def test_an_answer_of_another_type_breaks_the_contract(environment: Any) -> None:
    lines = environment.ask(
        "(hooks := registry.hooks(), lines.clear(),"
        " hooks.collect('check_workspace', items=int, workspace='w', plan=None, preset=None), lines)[3]"
    )
    assert any("hook-first 1.0" in line and "answered check_workspace with a str, not a int" in line for line in lines)
