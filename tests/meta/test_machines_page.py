"""The table on docs/machines.md is what is computed, and keeps the page's own rules.

``python -m tests.meta.test_machines_page`` writes the table.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from llmwright.api.workspace import Workspace
from llmwright.catalogue.catalogue import Catalogue
from llmwright.cli.show.plan import usd
from llmwright.errors import InvalidWorkspace
from llmwright.plan.machine_ranking import SAME_COST
from llmwright.plan.make import make_plan
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.registry import Registry
from llmwright.settings.model import Settings, Sources
from llmwright.values.plan import MachineOption, Plan
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner
from llmwright_runtime_hf.driver import HfRuntime
from llmwright_runtime_vllm.driver import VllmRuntime

PAGE = Path(__file__).resolve().parents[2] / "docs" / "machines.md"
DRIVERS = DriverSet.of_classes(
    provisioners={"karpenter": KarpenterProvisioner}, runtimes={"hf": HfRuntime, "vllm": VllmRuntime}
)
SETTINGS = Settings(sources=Sources(remote_code=("*",)))
"""The page is about machines: models that need their own code have them too."""
HEADINGS = ("preset", "machine", "nodes x GPUs", "USD/h", "context", "runtime", "tokens/s", "USD/1M", "drawbacks")
MARKED = re.compile(r"(<!-- machines -->\n).*?(<!-- /machines -->)", re.DOTALL)


@cache
def catalogue() -> Catalogue:
    return Catalogue.of_plugins(Registry().hooks())


@cache
def plan_of(preset: str) -> Plan | str:
    """Return the plan, or the reason why there is none."""
    document = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "ws"},
        "resource": {"instanceType": "auto"},
        "inference": {"preset": {"name": preset, "presetOptions": {"modelAccessSecret": "hub"}}},
    }
    workspace = Workspace.model_validate(document)
    try:
        return make_plan(workspace, catalogue=catalogue(), drivers=DRIVERS, settings=SETTINGS, target="kubernetes")
    except InvalidWorkspace as error:
        return error.problems[0].message


def options_of(preset: str) -> tuple[MachineOption, ...]:
    plan = plan_of(preset)
    if isinstance(plan, str) or plan.ranking is None:
        pytest.fail(f"{preset}: {plan}")
    return plan.ranking.options


def presets() -> list[str]:
    return sorted(preset.name for preset in catalogue().presets() if not preset.retired)


def row(preset: str) -> str:
    plan = plan_of(preset)
    if isinstance(plan, str) or plan.ranking is None or plan.runtime is None:
        return f"| {preset} | none: {plan} |" + " |" * (len(HEADINGS) - 2)
    option = plan.ranking.options[0]
    cost = option.usd_per_million_tokens
    price = option.usd_per_hour
    cells = (
        preset,
        option.name.removeprefix("Standard_"),
        f"{option.nodes} x {option.gpus}",
        usd(price),
        f"{option.context:,}",
        plan.runtime.name,
        f"{option.tokens_per_s:,.0f}",
        usd(cost),
        ", ".join(option.drawbacks),
    )
    return "| " + " | ".join(cells) + " |"


def table() -> str:
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---" * len(HEADINGS) + "|"]
    return "\n".join([*lines, *map(row, presets())]) + "\n"


def test_the_table_is_current() -> None:
    match = MARKED.search(PAGE.read_text(encoding="utf-8"))
    assert match is not None
    assert match[0] == f"{match[1]}{table()}{match[2]}"


@pytest.mark.parametrize("preset", presets())
def test_the_choice_keeps_the_rules_of_the_page(preset: str) -> None:
    options = options_of(preset)
    best = options[0]
    if any(not option.drawbacks for option in options):
        assert not best.drawbacks
    peers = [option for option in options if option.drawbacks == best.drawbacks]
    assert (best.nodes > 1) <= all(option.nodes > 1 for option in peers)
    costs = [
        option.usd_per_million_tokens
        for option in peers
        if option.usd_per_million_tokens is not None and (option.nodes > 1) == (best.nodes > 1)
    ]
    assert best.usd_per_million_tokens is not None
    assert best.usd_per_million_tokens <= SAME_COST * min(costs)
    sizes = catalogue().preset(preset).architecture
    plan = plan_of(preset)
    assert not isinstance(plan, str)
    assert sizes is None or all(fit.pipeline_parallel <= sizes.layers for _, fit in plan.fits)


if __name__ == "__main__":
    PAGE.write_text(MARKED.sub(lambda match: f"{match[1]}{table()}{match[2]}", PAGE.read_text(encoding="utf-8")))
