"""What the distributions declare is there, and they go together."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from tests.support.documents import DOCUMENTS

import llmwright
from llmwright.plugins.discovery import canonical
from llmwright.plugins.registry import Registry

NAMED = re.compile(r"\b(llmwright[a-z-]*)\[([a-z]+)\]")


def read(project: Path) -> dict[str, Any]:
    return dict(tomllib.loads((project / "pyproject.toml").read_text())["project"])


def test_versions_are_equal(projects: list[Path]) -> None:
    assert {read(project)["version"] for project in projects} == {llmwright.__version__}


def test_extras_bring_our_packages_in_the_same_version(projects: list[Path]) -> None:
    extras = read(projects[0])["optional-dependencies"]
    wanted = [Requirement(text) for extra in extras.values() for text in extra]
    ours = {r.name: str(r.specifier) for r in wanted if r.name.startswith("llmwright-")}
    assert ours == {read(project)["name"]: f"=={llmwright.__version__}" for project in projects[1:]}


def test_each_extra_that_is_named_is_there(projects: list[Path]) -> None:
    """Whoever follows a hint or a document gets what it promises."""
    extras = {read(project)["name"]: set(read(project).get("optional-dependencies", {})) for project in projects}
    files = [*DOCUMENTS, *(file for project in projects for file in (project / "src").rglob("*.py"))]
    named = {match for file in files for match in NAMED.findall(file.read_text(encoding="utf-8"))}
    assert ("llmwright", "kubernetes") in named
    assert {(name, extra) for name, extra in named if name in extras and extra not in extras[name]} == set()


def test_folder_distribution_and_import_go_by_one_name(projects: list[Path]) -> None:
    for project in projects:
        name = read(project)["name"]
        assert [path.name for path in (project / "src").iterdir() if path.is_dir()] == [name.replace("-", "_")]
        if project.parent.name == "plugins":
            assert name == f"llmwright-{canonical(project.name)}"


def test_every_entry_point_loads(projects: list[Path]) -> None:
    declared = {
        (group, name, target)
        for project in projects
        for group, points in read(project).get("entry-points", {}).items()
        for name, target in points.items()
    }
    checks = {(c.entry.group, c.entry.name, c.entry.target): c.error for c in Registry().check_loads()}
    assert declared <= checks.keys()
    assert {key: checks[key] for key in declared if checks[key]} == {}


def test_every_console_script_is_there(projects: list[Path]) -> None:
    for project in projects:
        for name, target in read(project).get("scripts", {}).items():
            assert callable(EntryPoint(name, target, "console_scripts").load())
            assert Path(sys.executable).with_name(name).exists()


def test_every_package_is_typed_and_says_what_it_is(projects: list[Path]) -> None:
    for project in projects:
        (package,) = (path for path in (project / "src").iterdir() if path.is_dir())
        assert (package / "py.typed").exists()
        about = read(project)
        assert about["description"].endswith(".")
        assert (project / about["readme"]).exists()


def test_every_package_carries_the_licence_itself(root: Path, projects: list[Path]) -> None:
    """A link to a file outside the package would not unpack from an sdist."""
    licence = (root / "LICENSE").read_bytes()
    for file in (project / "LICENSE" for project in projects):
        assert not file.is_symlink()
        assert file.read_bytes() == licence


def test_layers_are_kept(root: Path) -> None:
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([command, "--no-cache"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
