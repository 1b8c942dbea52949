"""The reference for authors of plugins, in a terminal."""

from __future__ import annotations

import inspect

import pytest
from tests.meta.test_interfaces import NAMES
from tests.support.command import Run

from llmwright.cli.plugin_reference import PAGES, reference
from llmwright.plugins import drivers


@pytest.mark.parametrize(
    ("kind", "driver"),
    [("provisioner", drivers.Provisioner), ("runtime", drivers.Runtime), ("tuner", drivers.Tuner)],
)
def test_each_method_and_declaration_of_a_driver_is_told(kind: str, driver: type) -> None:
    text = reference(kind)
    for owner in (drivers.Driver, driver):
        for name in (*vars(owner), *inspect.get_annotations(owner)):
            if not name.startswith("_"):
                assert f"`{name}(" in text or f"`{name}:" in text, f"{owner.__name__}.{name}"


def test_each_module_for_authors_is_in_one() -> None:
    told = {module for pages in PAGES.values() for module in pages}
    ours = {name for name in NAMES if name.startswith(("llmwright.plugins.", "llmwright.values."))}
    assert ours - told == set()


def test_it_has_signatures_texts_and_fields(run: Run) -> None:
    ran = run("plugins", "reference", "tuner")
    assert ran.code == 0, ran.err
    for part in (
        "# llmwright.plugins.trainer",
        "## class Run(Generic[Options])",
        "`report(self, step: int, steps: int, loss: float) -> None`",
        "`checkpoints: ClassVar[bool] = False`",
        "    Whether a run that was interrupted goes on from a checkpoint in ``results``.",
        "`layers: int`",
        "`memory(self, preset: Preset, config: Any) -> tuple[MemoryTerm, ...]`, to be written",
    ):
        assert part in ran.out, part


def test_it_is_of_some_names(run: Run) -> None:
    ran = run("plugins", "reference", "runtime", "Mount")
    assert ran.out.startswith("# llmwright.values.launch\n\n## class Mount")
    assert "class Probe" not in ran.out
    unknown = run("plugins", "reference", "runtime", "Mounts")
    assert unknown.code == 2
    assert "Mounts" in unknown.err


def test_it_says_which_values_take_keywords_alone(run: Run) -> None:
    assert "Made by keywords alone." in run("plugins", "reference", "provisioner", "Placement").out
    assert "Made by keywords alone." not in run("plugins", "reference", "provisioner", "Waiting").out


def test_the_keys_of_packs_are_told(run: Run) -> None:
    ran = run("plugins", "reference", "presets")
    assert "* `models`, required: the models" in ran.out
    assert "    * `kvBytesPerToken`, required: KV cache of one token" in ran.out
    assert "kind: InstanceTypes" in ran.out


def test_it_has_what_a_policy_is_given(run: Run) -> None:
    text = run("plugins", "reference", "policy").out
    assert "## check_workspace(" in text
    assert "`instance_type: " in text
