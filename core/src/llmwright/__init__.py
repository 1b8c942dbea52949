"""LLMwright: one Workspace YAML in, a tuned or served language model answering.

The names below are the Python API (``docs/python.md``); each is imported when it is first used::

    import llmwright

    with llmwright.run("demo") as ws:
        print(ws.chat("Who are you?"))

What drives a cloud, an engine or a tuning method lives in plugins, found through entry points.
"""

import sys

from llmwright.version import __version__ as __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from llmwright import errors
    from llmwright.api.status import WorkspaceStatus
    from llmwright.api.workspace import Workspace
    from llmwright.app.bench import bench
    from llmwright.app.benchmark.result import BenchmarkResult
    from llmwright.app.generate import generate
    from llmwright.app.handle import WorkspaceHandle
    from llmwright.app.preview import check, plan, render
    from llmwright.app.workspaces import apply, chat, delete, get, logs, run, wait, workspaces
    from llmwright.errors import LLMwrightError, Problem
    from llmwright.settings.model import Settings
    from llmwright.values.plan import Plan
else:
    ModuleType = type(sys)

__all__ = [
    "BenchmarkResult",
    "LLMwrightError",
    "Plan",
    "Problem",
    "Settings",
    "Workspace",
    "WorkspaceHandle",
    "WorkspaceStatus",
    "apply",
    "bench",
    "chat",
    "check",
    "delete",
    "errors",
    "generate",
    "get",
    "logs",
    "plan",
    "render",
    "run",
    "wait",
    "workspaces",
]

_MODULES = {
    "BenchmarkResult": "llmwright.app.benchmark.result",
    "LLMwrightError": "llmwright.errors",
    "Plan": "llmwright.values.plan",
    "Problem": "llmwright.errors",
    "Settings": "llmwright.settings.model",
    "Workspace": "llmwright.api.workspace",
    "WorkspaceHandle": "llmwright.app.handle",
    "WorkspaceStatus": "llmwright.api.status",
    "bench": "llmwright.app.bench",
    "check": "llmwright.app.preview",
    "generate": "llmwright.app.generate",
    "plan": "llmwright.app.preview",
    "render": "llmwright.app.preview",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "errors":
        return import_module("llmwright.errors")
    return getattr(import_module(_MODULES.get(name, "llmwright.app.workspaces")), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


class _Package(ModuleType):
    def __setattr__(self, name: str, value: object) -> None:
        # Importing the room `llmwright.plan` or `llmwright.check` would bind it here, over the function of that name.
        if not (name in {"check", "plan"} and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
