"""Plans per second on one core, from a parsed Workspace with the installed drivers and packs. Goal: 1,000.

    python -m benchmarks.plan [--rounds 7] [--plans 300]

Each round times every case once, in turn; the median of the rounds and their spread are printed. ``auto`` sizes every
instance type of the cloud and is no part of the goal.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

from llmwright.api.workspace import Workspace
from llmwright.catalogue.catalogue import Catalogue
from llmwright.plan.make import make_plan
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.registry import Registry
from llmwright.settings.model import Settings
from llmwright.values.instance_type import InstanceType

GOAL = 1000
HERE = InstanceType(name="local", cloud="local", cpus=2, memory_bytes=24 * 1024**3)
SKU = "Standard_NC24ads_A100_v4"
TUNING = {
    "preset": {"name": "phi-3-mini-128k-instruct"},
    "method": "qlora",
    "input": {"urls": ["https://data.example/rows.parquet"]},
    "output": {"image": "registry.example/adapters/facts:1", "imagePushSecret": "push"},
}
INFERENCE = {"preset": {"name": "llama-3.1-8b-instruct"}}
CASES: Mapping[str, tuple[dict[str, Any], bool]] = {
    "tuning, this machine": ({"tuning": {**TUNING, "preset": {"name": "demo"}}}, True),
    "tuning, cluster": ({"resource": {"instanceType": SKU}, "tuning": TUNING}, False),
    "inference, cluster": ({"resource": {"instanceType": SKU}, "inference": INFERENCE}, False),
    "inference, auto": ({"resource": {"instanceType": "auto"}, "inference": INFERENCE}, False),
}


def planner(parts: dict[str, Any], local: bool) -> Callable[[], object]:
    """Makes the plan of one Workspace."""
    document = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": "ws"}, **parts}
    workspace, settings, registry = Workspace.model_validate(document), Settings(), Registry()
    catalogue, drivers = Catalogue.of_plugins(registry.hooks()), DriverSet.of_registry(registry, settings)
    return lambda: make_plan(
        workspace,
        catalogue=catalogue,
        drivers=drivers,
        settings=settings,
        target="local" if local else "kubernetes",
        machine=HERE if local else None,
    )


def per_second(plan: Callable[[], object], plans: int) -> float:
    """Plans per second of process time, so that other programs on the machine do not count."""
    started = time.process_time()
    for _ in range(plans):
        plan()
    return plans / (time.process_time() - started)


def main() -> None:
    """Print one line a case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--plans", type=int, default=300)
    options = parser.parse_args()
    planners = {name: planner(*case) for name, case in CASES.items()}
    rates: dict[str, list[float]] = {name: [] for name in planners}
    for _ in range(options.rounds):
        for name, plan in planners.items():
            rates[name].append(per_second(plan, options.plans))
    for name, found in rates.items():
        print(f"{name:22} {statistics.median(found):7.0f}/s  ({min(found):.0f} to {max(found):.0f})")
    print(f"goal: {GOAL}/s for all but auto")


if __name__ == "__main__":
    main()
