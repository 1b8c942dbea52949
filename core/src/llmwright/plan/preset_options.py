"""Options of ``runtimeConfig`` that the preset has: they hold where the Workspace does not write them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmwright.errors import Problem
from llmwright.plan.plan_input import PlanInput
from llmwright.plugins.drivers import Runtime

FIELD = "inference.runtimeConfig"


@dataclass(frozen=True, slots=True)
class PresetOptions:
    """The options of a preset for one runtime, and what the Workspace writes itself; ``part`` is that of its preset."""

    preset: str
    options: Mapping[str, Any]
    written: Mapping[str, Any]
    part: str

    @classmethod
    def of(cls, inputs: PlanInput, runtime: Runtime, name: str) -> PresetOptions:
        """Return the options for ``runtime``, which was chosen by ``name``."""
        inference = inputs.workspace.inference
        return cls(
            inputs.preset.name,
            inputs.preset.runtime_config.get(runtime.listed_as or name, {}),
            inference.runtime_config if inference else {},
            "inference" if inference else "tuning",
        )

    def notes(self) -> Iterator[str]:
        """Yield a note on the options that count."""
        kept = ", ".join(f"{name}: {value}" for name, value in self.options.items() if name not in self.written)
        if kept:
            yield f"the preset {self.preset} has the runtimeConfig {{{kept}}}; what a Workspace writes goes before"

    def placed(self, problem: Problem) -> Problem:
        """Return ``problem`` at the preset's name where its option is the preset's, and nobody wrote it here."""
        option = problem.path.removeprefix(f"{FIELD}.").partition(".")[0].partition("[")[0]
        if option not in self.options or option in self.written:
            return problem
        message = f"the preset {self.preset} has the runtimeConfig {option}: {problem.message}"
        return replace(problem, path=f"{self.part}.preset.name", message=message)
