"""What the control half loads, seen in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llmwright.plugins.registry import Registry
from llmwright.testing.drivers import HEAVY

WORKLOAD = ("llmwright.testing", "llmwright.__main__")


def loaded(code: str) -> set[str]:
    """The top-level packages that ``code`` loads."""
    told = f"{code}\nimport json, sys\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def run(*arguments: str) -> str:
    """Code that runs the command line."""
    return (
        f"import sys\nsys.argv = ['llmwright', *{list(arguments)!r}]\nfrom llmwright.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code"
    )


def test_no_module_of_the_core_loads_anything_heavy(root: Path) -> None:
    source = root / "core/src"
    files = [file.relative_to(source).with_suffix("") for file in (source / "llmwright").rglob("*.py")]
    names = [".".join(file.parts).removesuffix(".__init__") for file in files if "templates" not in file.parts]
    modules = [name for name in names if not name.startswith(WORKLOAD) and not name.endswith(".__main__")]
    assert len(modules) > 50
    assert not loaded("\n".join(f"import {name}" for name in modules)) & set(HEAVY)


def test_no_driver_loads_anything_heavy() -> None:
    targets = [row.target.partition(":")[0] for row in Registry().entries() if row.state == "found"]
    assert not loaded("\n".join(f"import {module}" for module in targets)) & set(HEAVY)


@pytest.mark.parametrize("verb", [(), ("run",), ("plan",), ("plugins", "list")])
def test_help_loads_no_pydantic_either(verb: tuple[str, ...]) -> None:
    found = loaded(run(*verb, "--help"))
    assert "click" in found
    assert not found & {*HEAVY, "pydantic", "httpx", "rich", "stevedore", "pluggy"}


@pytest.mark.parametrize("verb", [("plugins", "list"), ("presets", "list"), ("version",)])
def test_listing_loads_nothing_heavy(verb: tuple[str, ...]) -> None:
    assert not loaded(run(*verb)) & {*HEAVY, "httpx"}


def test_listing_plugins_loads_no_pydantic_where_nothing_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("LLMWRIGHT_")]:
        monkeypatch.delenv(name)
    assert not loaded(run("plugins", "list")) & {"pydantic", "stevedore", "pluggy"}


def test_the_package_itself_loads_nothing() -> None:
    code = "import sys\nbefore = set(sys.modules)\nimport llmwright\nextra = set(sys.modules) - before\n"
    assert "llmwright" in loaded(f"{code}assert extra <= {{'llmwright', 'llmwright.version', '__future__'}}, extra")
