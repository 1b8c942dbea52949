"""The interfaces that plugins are written against: named, documented, tested."""

from __future__ import annotations

import ast
import importlib
import inspect
import types
from pathlib import Path

import pytest

from llmwright.plugins import drivers, hookspecs
from llmwright.plugins.registry import HOOKS

DRIVERS = (drivers.Driver, drivers.Provisioner, drivers.Runtime, drivers.Tuner)

NAMES = {
    "llmwright": {
        "BenchmarkResult", "LLMwrightError", "Plan", "Problem", "Settings", "Workspace", "WorkspaceHandle",
        "WorkspaceStatus", "apply", "bench", "chat", "check", "delete", "errors", "generate", "get", "logs", "plan",
        "render", "run", "wait", "workspaces",
    },
    "llmwright.plugins": {"hookimpl"},
    "llmwright.plugins.declarations": {
        "ADAPTER_METRIC", "AccessRule", "COMMON_METRICS", "Capabilities", "Engine", "KaitoRule", "MADE_ANEW", "Names",
        "OlderImage",
    },
    "llmwright.plugins.demand": {"Demand"},
    "llmwright.plugins.drivers": {
        "AccessRule", "Capabilities", "Context", "Demand", "Driver", "Engine", "KaitoRule", "Names", "OlderImage",
        "Provisioner", "Runtime", "Tuner",
    },
    "llmwright.plugins.hookspecs": {
        "Manifest", "check_workspace", "instance_types", "manifests", "presets", "status_changed",
    },
    "llmwright.plugins.chat_server": {"ChatServer", "Conversation", "Engine", "adapter_paths", "main", "parser"},
    "llmwright.plugins.cloud_api": {"CloudApi"},
    "llmwright.plugins.machines": {"CloudMachine", "MachineProvisioner", "Order"},
    "llmwright.plugins.programs": {"data_process", "server_launch", "trainer_launch"},
    "llmwright.plugins.module_tuner": {"ModuleTuner"},
    "llmwright.plugins.trainer": {"Row", "Run", "main", "read_rows"},
    "llmwright.plugins.weights": {
        "DOWNLOADS", "FETCH_MODEL", "MODEL_VOLUME", "PULL_MODEL", "Weights", "weights_of",
    },
    "llmwright.errors": {
        "ConfigError", "InvalidWorkspace", "LimitExceeded", "LLMwrightError", "NotYet", "PluginConflict",
        "PluginContract", "PluginError", "PluginLoadFailed", "PluginNotFound", "Problem", "TargetError", "did_you_mean",
        "MOST_PROBLEMS", "first_problems", "meant", "nearest",
    },
    "llmwright.testing": {
        "CloudWorld", "Contract", "DriverContract", "EndpointContract", "HooksContract", "Impure", "Machine",
        "Operation", "PresetPackContract", "ProvisionerContract", "RuntimeContract", "ServedModel", "TunerContract",
        "World", "make_adapter", "make_context", "make_fit", "make_instance_type", "make_node_request", "make_objects",
        "make_plan", "make_preset", "make_tuning_data", "make_workspace", "pure",
    },
    "llmwright.testing.cluster": {
        "Cluster", "ControlPlane", "OperatorProcess", "SETTINGS", "cluster", "find_programs", "running_cluster",
        "wait_until",
    },
    "llmwright.values.adapter": {"Adapter"},
    "llmwright.values.tuning_data": {"TuningData"},
    "llmwright.values.fit": {"Fit", "MemoryTerm"},
    "llmwright.values.instance_type": {"InstanceType", "Price"},
    "llmwright.values.launch": {
        "API_KEY", "Exec", "HttpGet", "Launch", "Mount", "Probe", "Process", "REFERENCE", "Ranks", "SecretKey",
        "Volume", "VolumeKind", "fill", "resolve",
    },
    "llmwright.testing.snapshot": {"Object", "ObjectSnapshot"},
    "llmwright.values.node_object": {"CORDONED", "GPU", "INSTANCE_TYPE", "NodeObject", "node_object"},
    "llmwright.values.snapshot": {"Snapshot"},
    "llmwright.values.nodes": {
        "Failed", "FailureKind", "Finding", "LivingWorkspace", "Node", "NodeRequest", "Orphan", "Outcome", "Placement",
        "ProvisionerAction", "ProvisionerDecision", "RESERVED_LABELS", "Ready", "Waiting", "Watch", "required_labels",
        "unreserved",
    },
    "llmwright.values.plan": {
        "Choice", "Cost", "MachineOption", "MachineRanking", "PassedOver", "Plan", "ScaledTo", "ScalingRange", "Target",
    },
    "llmwright.values.preset": {"Architecture", "Preset"},
}  # fmt: skip
"""Names that plugins and notebooks may import. A name that goes is a new major version; a new one is added here."""


@pytest.mark.parametrize("module", sorted(NAMES))
def test_the_public_names_are_these(module: str) -> None:
    assert public(importlib.import_module(module)) == NAMES[module]


def public(module: types.ModuleType) -> set[str]:
    """``__all__``, or what the module itself defines without an underscore."""
    if hasattr(module, "__all__"):
        return set(module.__all__)
    tree = ast.parse(Path(module.__file__ or "").read_text())
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in names if not name.startswith("_")}


def methods() -> list[tuple[type, str]]:
    """Each method that a driver's class itself defines."""
    return [
        (driver, name)
        for driver in DRIVERS
        for name, value in vars(driver).items()
        if inspect.isfunction(value) and not name.startswith("_")
    ]


@pytest.mark.parametrize(("driver", "name"), methods(), ids=lambda value: getattr(value, "__name__", value))
def test_each_driver_method_is_documented(driver: type, name: str) -> None:
    assert (vars(driver)[name].__doc__ or "").strip()


def test_each_driver_attribute_is_documented() -> None:
    tree = ast.parse(Path(drivers.__file__).read_text())
    for node in (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name in {d.__name__ for d in DRIVERS}):
        for item, after in zip(node.body, [*node.body[1:], None], strict=True):
            if isinstance(item, ast.AnnAssign) and ast.unparse(item.target) != "capabilities":
                assert isinstance(after, ast.Expr), f"{node.name}.{ast.unparse(item.target)} has no docstring"


def test_each_declaration_of_a_driver_is_in_the_docs(root: Path) -> None:
    """A stranger finds what a driver can declare in one table."""
    text = (root / "docs/writing-plugins.md").read_text()
    names = {name for driver in DRIVERS for name in driver.__annotations__}
    assert {name for name in names if f"`{name}`" not in text} == set()


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_each_hook_is_documented(hook: str) -> None:
    assert (getattr(hookspecs, hook).__doc__ or "").strip()


def used(files: list[Path]) -> set[str]:
    """Names that tests call as a method, name as a string, or define."""
    found: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                called = node.func
                found |= {called.attr} if isinstance(called, ast.Attribute) else set()
                found |= {arg.attr for arg in node.args if isinstance(arg, ast.Attribute)}
                found |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return found


def test_each_driver_method_is_called_by_a_test(tests: list[Path]) -> None:
    called = used(tests)
    assert [f"{driver.__name__}.{name}" for driver, name in methods() if name not in called] == []


def test_each_hook_is_called_by_a_test(tests: list[Path]) -> None:
    texts = [file.read_text() for file in tests]
    for hook in HOOKS:
        calls = (f"collect('{hook}'", f'collect("{hook}"', f"notify('{hook}'", f'notify("{hook}"', f'"{hook}"')
        assert any(call in text for text in texts for call in calls), hook


def test_each_hook_has_an_example(root: Path) -> None:
    """A hook is kept only as long as some real plugin, ours or an example, answers it."""
    code = "".join(file.read_text() for file in (root / "examples/plugins").rglob("*.py"))
    packs = {"presets", "instance_types"}
    assert {hook for hook in HOOKS - packs if f"def {hook}(" not in code} == set()
    kinds = "".join(file.read_text() for file in (root / "presets/src").rglob("*.yaml"))
    assert "kind: PresetFamily" in kinds
    assert "kind: InstanceTypes" in kinds
