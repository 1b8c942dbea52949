"""Problems by their place, and facts about nodes."""

from __future__ import annotations

from llmwright.check import NodeFacts
from llmwright.errors import Problem
from llmwright.values.feature_gates import FeatureGates

BYO = FeatureGates({"disableNodeAutoProvisioning": True, "enableMIG": True, "enableAccelerator": True})


GPU = {"nvidia.com/gpu.product": "A100", "nvidia.com/gpu.count": "1", "nvidia.com/gpu.memory": "81920"}


def node(name: str, **labels: str) -> NodeFacts:
    return NodeFacts(name, {"apps": "ws", **GPU, **{key.replace("_", "."): value for key, value in labels.items()}})


def errors(problems: tuple[Problem, ...]) -> dict[str, str]:
    return {problem.path: problem.reason for problem in problems if problem.severity == "error"}


def warnings(problems: tuple[Problem, ...]) -> dict[str, str]:
    return {problem.path: problem.reason for problem in problems if problem.severity == "warning"}
