"""Laws of a runtime's Launch with adapters: each under its name, from its place, with its strength."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from typing import Any

from llmwright.plugins.drivers import Runtime
from llmwright.plugins.launch_faults import Core
from llmwright.testing.driver_law import naming
from llmwright.testing.launches import as_json, faults, volumes_in
from llmwright.testing.presets import make_adapter
from llmwright.testing.runtime_starts import StartsContract
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.launch import Launch
from llmwright.values.preset import Preset

STRENGTHS = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Strengths that a Workspace may ask for: numbers from 0 to 1, of one digit and of more."""


class RuntimeAdaptersContract(StartsContract):
    """Laws of adapters in the Launch. A runtime that serves none keeps them all."""

    def test_serves_adapters_under_their_names(self, driver: Runtime, preset: Preset, fit: Fit, config: Any) -> None:
        """The Launch of a runtime with adapters has the name and the path of each."""
        if not driver.capabilities.adapters:
            return
        served = _adapters("one-of-a-kind", "two-of-a-kind", "three-of-a-kind")
        text, without = (as_json(driver.launch(preset, fit, some, config)) for some in (served, ()))
        for adapter in served:
            assert re.search(rf"{adapter.name}(?!-files)", text), f"the Launch lacks the name of adapter {adapter.name}"
            assert adapter.path in text, f"the Launch lacks the path of adapter {adapter.name}"
            assert adapter.name not in without, f"the Launch without adapters names {adapter.name}"

    def test_adapters_of_every_kind_are_served_together(
        self, driver: Runtime, preset: Preset, fit: Fit, config: Any
    ) -> None:
        """Strength, rank and template of an adapter may be unknown: ``launch`` takes such beside others."""
        if not driver.capabilities.adapters:
            return
        one, two, three = _adapters("b", "a", "c")
        strength = 0.5 if driver.capabilities.adapter_strength else None
        described = replace(
            one,
            strength=strength,
            rank=16,
            image="registry.example/acme/b:1",
            chat_template=f"{one.path}/chat_template.jinja",
            generation_config=one.path,
        )
        bare = replace(two, strength=None, rank=None, volume_source={"hostPath": {"path": "/adapters"}})
        other = replace(three, strength=strength, rank=8, tokenizer_template=True)
        for served in ((described, bare, other), (bare, other, described), (bare,), (described,)):
            with naming(f"launch with {len(served)} adapters, of which some have no strength and no rank"):
                launch = driver.launch(preset, fit, served, config)
                assert_sound(launch, served)
                lost = [adapter.path for adapter in served if adapter.path not in as_json(launch)]
                assert not lost, f"the Launch lacks the path {lost[0]}, where the core puts the adapter"

    def test_each_strength_is_told_apart(self, driver: Runtime, preset: Preset, fit: Fit, config: Any) -> None:
        """With ``adapter_strength``, no two strengths give the same Launch, and each adapter has its own."""
        if not (driver.capabilities.adapters and driver.capabilities.adapter_strength):
            return
        first, second = _adapters("first", "second")

        def text(*strengths: float | None) -> str:
            pairs = zip((first, second), strengths, strict=False)
            served = tuple(replace(adapter, strength=strength) for adapter, strength in pairs)
            return as_json(driver.launch(preset, fit, served, config))

        for one, other in combinations(STRENGTHS, 2):
            assert text(one) != text(other), (
                f"capabilities has adapter_strength, and the Launch is the same for {one} and for {other}"
            )
        assert text(0.0) != text(None), "the Launch is the same for the strength 0 and for none: ask `is not None`"
        assert text(0.25, 0.5) != text(0.25, 0.75), "the strength of the second adapter is dropped"


def assert_sound(launch: Launch, adapters: tuple[Adapter, ...]) -> None:
    """Assert that any target can carry out ``launch``; the volumes of adapters are the core's."""
    volumes = frozenset(name for adapter in adapters for name in volumes_in(adapter.path)) | {"config"}
    problems = faults(launch, Core(declares=volumes, mounts=volumes))
    assert not problems, "launch: " + "\n".join(problems)
    assert as_json(launch)


def _adapters(*names: str) -> tuple[Adapter, ...]:
    return tuple(make_adapter(name=name, path=f"$(volume.adapters)/{name}-files", strength=None) for name in names)
