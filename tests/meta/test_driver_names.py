"""The core knows no driver by its name: what a driver is, it declares, and the core asks."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmwright.plugins.driver_set import KINDS
from llmwright.plugins.known import known_names

NAMES = {name for kind in KINDS for name in known_names(kind)} - {"local"}
"""``local`` is the name of a target too; ``test_no_driver_is_asked_for_by_a_literal`` finds the provisioner."""

ELSEWHERE = ("settings", "provisioners")
"""Rooms that may name drivers: the settings' defaults, and the drivers of the core itself."""

ALLOWED = {
    ("artifacts/addresses.py", "hf"): "the scheme of hf:// URLs",
    ("artifacts/download.py", "hf"): "the scheme of hf:// URLs",
    ("plugins/weights.py", "hf"): "the scheme of hf:// URLs",
    ("cli/version.py", "transformers"): "a Python package whose version is shown",
    ("testing/drivers.py", "ray"): "a Python package that no control half may import",
    ("testing/drivers.py", "transformers"): "a Python package that no control half may import",
    ("testing/drivers.py", "vllm"): "a Python package that no control half may import",
    ("targets/kubernetes/manifests/services.py", "ray"): "a port's name in KAITO's headless Service",
}


def core(root: Path) -> Iterator[tuple[str, ast.Module]]:
    source = root / "core/src/llmwright"
    for file in sorted(source.rglob("*.py")):
        path = file.relative_to(source)
        if path.parts[0] not in ELSEWHERE:
            yield path.as_posix(), ast.parse(file.read_text())


def strings(tree: ast.AST) -> Iterator[str]:
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_no_driver_is_named_in_the_core(root: Path) -> None:
    found = {(path, text) for path, tree in core(root) for text in strings(tree) if text in NAMES}
    assert found - set(ALLOWED) == set(), "let the driver declare it (llmwright.plugins.drivers) and ask"
    assert set(ALLOWED) - found == set(), "no longer needed: take it off the list"


def test_no_driver_is_asked_for_by_a_literal(root: Path) -> None:
    """``driver("provisioner", "local")`` and ``drivers.provisioner("local")`` are choices too."""
    lookups = {*KINDS, "driver", "get", "find", "lookup", *(f"find_{kind}" for kind in KINDS)}
    known = {*NAMES, "local"}
    calls = [
        f"{path}:{node.lineno}"
        for path, tree in core(root)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in lookups
        if any(isinstance(argument, ast.Constant) and argument.value in known for argument in node.args)
    ]
    assert calls == []


@pytest.mark.parametrize("code", ["x == 'vllm'", "{'lora': 1}", "f(a, 'karpenter')"])
def test_a_name_is_found_wherever_it_stands(code: str) -> None:
    assert NAMES & set(strings(ast.parse(code)))


def test_what_was_meant_is_guessed_in_one_place(root: Path) -> None:
    for file in (*(root / "core/src").rglob("*.py"), *(root / "plugins").glob("*/src/**/*.py")):
        if file.name != "errors.py":
            text = file.read_text()
            assert "get_close_matches" not in text, file
            assert "did you mean" not in text, file
