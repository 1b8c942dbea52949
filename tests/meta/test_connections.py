"""Who opens connections: each file that could, and why it is not the guarded client of ``llmwright.artifacts``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("core/src", "presets/src", "plugins")
SOURCES = sorted(path for part in PARTS for path in (ROOT / part).rglob("*.py") if "templates" not in path.parts)

NETWORK = frozenset(
    {
        "aiohttp", "asyncio.open_connection", "ftplib", "grpc", "h11", "http.client", "httpcore", "httpx",
        "huggingface_hub", "imaplib", "paramiko", "poplib", "requests", "smtplib", "socket", "telnetlib",
        "urllib.request", "urllib3", "websockets", "xmlrpc.client",
    }
)  # fmt: skip
"""Modules by which a program can open a connection."""

LOADERS = frozenset({"from_pretrained", "hf_hub_download", "load_dataset", "snapshot_download"})
"""Functions of other packages that may ask the hub."""

GUARDED = {
    "core/src/llmwright/artifacts/answer_body.py",
    "core/src/llmwright/artifacts/challenge.py",
    "core/src/llmwright/artifacts/connections.py",
    "core/src/llmwright/artifacts/download.py",
    "core/src/llmwright/artifacts/hub_client.py",
    "core/src/llmwright/artifacts/network_environment.py",
    "core/src/llmwright/artifacts/oci_registry.py",
    "core/src/llmwright/artifacts/partial_blob.py",
    "core/src/llmwright/artifacts/wire.py",
}
"""The guarded client and its users: of them, only ``connections`` and ``network_environment`` make connections."""

OTHERS = {
    "core/src/llmwright/artifacts/hub_errors.py": "reads the errors of the hub's library, where models are fetched",
    "core/src/llmwright/artifacts/hub_snapshot.py": "asks the hub by its library, where models are fetched",
    "core/src/llmwright/app/bench.py": "asks the server of a model, whose address the user gives",
    "core/src/llmwright/app/benchmark/http_client.py": "measures the server of a model, whose address the user gives",
    "core/src/llmwright/app/generation/generation.py": "asks the server of a model, whose address the user gives",
    "core/src/llmwright/app/model_answers.py": "reads the answers of the server of a model",
    "core/src/llmwright/app/model_client.py": "asks the server of a model, whose address the user gives",
    "core/src/llmwright/app/operator.py": "reads this machine's name, for leader election",
    "core/src/llmwright/plugins/chat_server.py": "listens for requests, in the workload's process",
    "core/src/llmwright/plugins/cloud_api.py": "asks the cloud that the settings name, and follows no redirect",
    "core/src/llmwright/targets/kubernetes/admission/https_server.py": "listens for the API server",
    "core/src/llmwright/targets/kubernetes/operator/process/endpoints.py": "listens for probes and Prometheus",
    "core/src/llmwright/targets/kubernetes/cluster/api_client.py": "asks the API server that the kubeconfig names",
    "core/src/llmwright/targets/kubernetes/operator/observe/pod_progress.py": "asks the pods of its own Workspaces",
    "core/src/llmwright/targets/local/process/ports.py": "looks for a free port of this machine",
    "core/src/llmwright/targets/local/process/probes.py": "asks its own child on loopback whether it is ready",
    "core/src/llmwright/targets/local/supervisor/event_wait.py": "is woken by commands of this machine",
    "core/src/llmwright/testing/cluster/control_plane.py": "asks the API server that it started",
    "core/src/llmwright/testing/cluster/operator_process.py": "asks the operator that it started how it is",
    "core/src/llmwright/testing/cluster/programs.py": "looks for a free port of this machine",
    "core/src/llmwright/testing/http_answers.py": "asks the server that a law started",
    "core/src/llmwright/testing/processes.py": "looks for a free port of this machine",
    "core/src/llmwright/testing/served_runtimes.py": "takes a port, and looks where a server of its own listens",
    "plugins/provisioner_karpenter/src/llmwright_provisioner_karpenter/client.py": "asks the same API server",
    "plugins/runtime_hf/src/llmwright_runtime_hf/serve/http/connections.py": "bounds the connections of the server",
    "plugins/runtime_hf/src/llmwright_runtime_hf/serve/listener.py": "listens for requests",
    "plugins/runtime_hf/src/llmwright_runtime_hf/serve/uvicorn_server.py": "listens for requests",
}

WORKLOAD = {
    "plugins/runtime_hf/": "loads the model that the plan names, by transformers, in the workload's process",
    "plugins/runtime_vllm/src/llmwright_runtime_vllm/engine_plugin/": "fetches the plan's model for the engine",
    "plugins/tuning_qlora/": "loads the model that the plan names, by transformers, in the workload's process",
}

GENERATED = "plugins/provisioner_karpenter/src/llmwright_provisioner_karpenter/karpenter_client/"


def product_files() -> list[Path]:
    """All modules that are shipped, less generated ones."""
    names = ((path, path.relative_to(ROOT).as_posix()) for path in SOURCES)
    return [path for path, name in names if "/src/" in f"/{name}" and not name.startswith(GENERATED)]


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def network_modules(path: Path) -> set[str]:
    names = set(imports(ast.parse(path.read_text())))
    tops = {name.split(".")[0] for name in names}
    return {module for module in NETWORK if module in names or ("." not in module and module in tops)}


def opening_files() -> dict[str, set[str]]:
    modules = ((path.relative_to(ROOT).as_posix(), network_modules(path)) for path in product_files())
    return {name: used for name, used in modules if used}


def test_each_file_that_could_open_a_connection_is_known() -> None:
    known = GUARDED | set(OTHERS)
    strangers = {
        name: used
        for name, used in opening_files().items()
        if name not in known and not name.startswith(tuple(WORKLOAD))
    }
    assert strangers == {}, "use llmwright.artifacts.wire, or say here who is asked"


def test_each_known_file_is_still_one() -> None:
    assert sorted((GUARDED | set(OTHERS)) - set(opening_files())) == []


def test_the_workload_halves_ask_the_hub_by_their_libraries_alone() -> None:
    used = {name: modules for name, modules in opening_files().items() if name.startswith(tuple(WORKLOAD))}
    assert {module for name, modules in used.items() if name not in OTHERS for module in modules} <= {"huggingface_hub"}


def calls(path: Path) -> set[str]:
    names = (node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "") for node in names}


def test_only_workload_halves_load_models() -> None:
    loading = [path.relative_to(ROOT).as_posix() for path in product_files() if calls(path) & LOADERS]
    assert loading
    fetching = "core/src/llmwright/artifacts/hub_snapshot.py"
    assert [name for name in loading if not name.startswith(tuple(WORKLOAD))] == [fetching]


@pytest.mark.parametrize("name", sorted(GUARDED - {"core/src/llmwright/artifacts/answer_body.py"}))
def test_bodies_are_read_in_one_place(name: str) -> None:
    """``answer_body`` holds the limit; the other way is the blob, whose bytes ``oci_registry`` counts."""
    unbounded = {"read", "json", "iter_bytes", "iter_text", "iter_lines", "text", "content"}
    tree = ast.parse((ROOT / name).read_text())
    reads = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "response"
    }
    assert not reads & unbounded
    assert "iter_raw" not in reads or name.endswith("oci_registry.py")


def test_connections_are_made_in_one_file() -> None:
    makers = {"SyncBackend", "getaddrinfo", "create_connection"}
    files = {path.name for path in product_files() if "/artifacts/" in path.as_posix() and calls(path) & makers}
    assert files == {"connections.py"}
