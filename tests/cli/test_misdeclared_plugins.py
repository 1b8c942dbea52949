"""Entry points that nobody reads are told, and what `plugins show` says about each kind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Run
from tests.support.declared import Declare

from llmwright.plugins import known

SERVE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: phi}
resource: {}
inference: {preset: {name: demo}, runtime: typo}
"""


@pytest.mark.parametrize(
    ("group", "target", "detail"),
    [
        ("llmwright.runtime.v1", "bad:Bad", "did you mean 'llmwright.runtimes.v1'?"),
        ("llmwright.runtimes", "bad:Bad", "did you mean 'llmwright.runtimes.v1'?"),
        ("llmwright_runtimes.v1", "bad:Bad", "did you mean 'llmwright.runtimes.v1'?"),
        ("LLMwright.Hooks.v1", "bad", "did you mean 'llmwright.hooks.v1'?"),
        ("llmwright.presets.v1", "bad", "known: llmwright.provisioners.v1, llmwright.runtimes.v1"),
        ("llmwright.runtimes.v1", "bad_mod Bad", "the target 'bad_mod Bad' is no MODULE and no MODULE:ATTRIBUTE (did"),
        ("llmwright.runtimes.v1", "bad_mod::Bad", "did you mean 'bad_mod:Bad'?"),
        ("llmwright.runtimes.v1", "bad/mod.py:Bad", "is no MODULE and no MODULE:ATTRIBUTE"),
    ],
)
def test_an_entry_point_that_nobody_reads_is_told(
    run: Run, declared: Declare, group: str, target: str, detail: str
) -> None:
    declared("acme-typo", {group: {"typo": target}})
    ran = run("plugins", "list")
    (line,) = [line for line in ran.err.splitlines() if "acme-typo" in line]
    assert detail in line
    (row,) = [row for row in json.loads(run("plugins", "list", "-o", "json").out) if row["name"] == "typo"]
    assert row["state"] == "misdeclared"
    shown = run("plugins", "show", "typo")
    assert (shown.code, "misdeclared" in shown.out) == (0, True)


def test_a_group_of_a_stranger_s_own_is_none_of_our_business(run: Run, declared: Declare) -> None:
    declared("acme-own", {"acme.things": {"thing": "acme:Thing"}, "console_scripts": {"llmwright-acme": "acme:main"}})
    ran = run("plugins", "list")
    assert "acme-own" not in ran.out + ran.err


def test_a_workspace_that_names_it_is_told_the_same(run: Run, written: Callable[..., Path], declared: Declare) -> None:
    declared("acme-typo", {"llmwright.runtime.v1": {"typo": "bad:Bad"}})
    ran = run("check", "-f", written(SERVE))
    assert (ran.code, "did you mean 'llmwright.runtimes.v1'?" in ran.out) == (2, True)


def test_a_plugin_is_shown_by_its_kind_and_by_its_distribution(run: Run, declared: Declare) -> None:
    shown = run("plugins", "show", "runtime:hf")
    assert (shown.code, "kind:          runtime" in shown.out) == (0, True)
    assert run("plugins", "show", "tuner:hf").code == 2
    both = run("plugins", "show", "llmwright-tuning-qlora", "-o", "json")
    assert {row["name"] for row in json.loads(both.out)} == {"lora", "qlora"}
    nobody = run("plugins", "show", "karpentr")
    assert (nobody.code, "did you mean 'karpenter'?" in nobody.err) == (2, True)
    settings = run("plugins", "show", "provisioner:karpenter").out
    assert "settings:" in settings
    assert "nodeImageFamily" in settings


def test_the_distribution_of_a_plugin_that_is_not_installed_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "_known", lambda: {"runtime": {"tern": "llmwright-runtime-tern[serve]"}})
    shown = run("plugins", "show", "tern")
    assert (shown.code, "pip install 'llmwright-runtime-tern[serve]'" in shown.err) == (2, True)


def test_a_hook_s_answers_are_shown(run: Run, declared: Declare) -> None:
    rule = '''"""Acme's rules."""
from llmwright.plugins import hookimpl

@hookimpl
def check_workspace(workspace):
    return []

@hookimpl
def status_changed(workspace, new):
    pass
'''
    declared("acme-rules", {"llmwright.hooks.v1": {"acme-rules": "acme_shown"}}, {"acme_shown.py": rule})
    shown = run("plugins", "show", "acme-rules")
    assert "answers:       check_workspace, status_changed" in shown.out
    assert "about:         Acme's rules." in shown.out
    assert "answers:       instance_types, presets" in run("plugins", "show", "hook:presets").out
