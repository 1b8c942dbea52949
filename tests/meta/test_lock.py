"""``uv.lock`` and ``constraints/`` belong to the pyproject files, and name no index but PyPI."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOSTS = {"pypi.org", "files.pythonhosted.org"}
ADDRESS = re.compile(r"[a-z][a-z+]*://[^\s\"']+")


@pytest.fixture(scope="module")
def lock(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "uv.lock").read_text())


@pytest.fixture(scope="module")
def constraints(root: Path) -> dict[str, set[str]]:
    """The pinned releases of each distribution; more than one where it depends on Python's version."""
    lines = (root / "constraints/tested.txt").read_text().splitlines()
    pins: dict[str, set[str]] = {}
    for pin in (Requirement(line) for line in lines if not line.startswith("#")):
        pins.setdefault(canonicalize_name(pin.name), set()).add(str(pin.specifier).removeprefix("=="))
    return pins


def pyproject(project: Path) -> dict[str, Any]:
    return tomllib.loads((project / "pyproject.toml").read_text())


def declared(project: dict[str, Any]) -> list[Requirement]:
    """Each requirement of a distribution, its extras' too."""
    extras = project.get("optional-dependencies", {}).values()
    return [Requirement(text) for group in (project.get("dependencies", []), *extras) for text in group]


def locked(lock: dict[str, Any], name: str) -> dict[str, Any]:
    (package,) = (package for package in lock["package"] if package["name"] == name)
    return dict(package)


def test_only_pypi_is_named(root: Path) -> None:
    addresses = ADDRESS.findall((root / "uv.lock").read_text())
    assert {urlsplit(address).hostname for address in addresses} == HOSTS


def test_no_path_but_the_members_is_named(lock: dict[str, Any], root: Path, projects: list[Path]) -> None:
    sources = [package["source"] for package in lock["package"]]
    paths = {kind: {source[kind] for source in sources if kind in source} for kind in ("virtual", "editable")}
    assert paths == {"virtual": {"."}, "editable": {str(project.relative_to(root)) for project in projects}}
    assert {*(kind for source in sources for kind in source)} == {"virtual", "editable", "registry"}


def test_each_member_is_locked(lock: dict[str, Any], root: Path, projects: list[Path]) -> None:
    names = {pyproject(project)["project"]["name"] for project in (root, *projects)}
    assert set(lock["manifest"]["members"]) == names


def test_what_members_require_is_locked(lock: dict[str, Any], root: Path, projects: list[Path]) -> None:
    excluded = set(pyproject(root)["tool"]["uv"]["exclude-dependencies"])
    for project in (pyproject(project)["project"] for project in (root, *projects)):
        metadata = locked(lock, project["name"]).get("metadata", {}).get("requires-dist", [])
        recorded = {
            (entry["name"], frozenset(entry.get("extras", ())), entry.get("specifier", "")) for entry in metadata
        }
        wanted = {(canonicalize_name(r.name), frozenset(r.extras), str(r.specifier)) for r in declared(project)}
        names = {name for name, _, _ in recorded}
        assert {name for name, _, _ in wanted if name not in excluded} <= names, f"{project['name']}: run `make lock`"
        foreign = {entry for entry in wanted if not entry[0].startswith("llmwright") and entry[0] not in excluded}
        assert foreign <= recorded, f"{project['name']}: run `make lock`"


def test_each_group_is_locked(lock: dict[str, Any], root: Path) -> None:
    recorded = locked(lock, "llmwright-workspace")["metadata"]["requires-dev"]
    for group, entries in pyproject(root)["dependency-groups"].items():
        wanted = [Requirement(entry) for entry in entries if isinstance(entry, str)]
        names = {(entry["name"], entry.get("specifier", "")) for entry in recorded[group]}
        assert {(canonicalize_name(r.name), str(r.specifier)) for r in wanted} <= names, f"{group}: run `make lock`"


def test_the_constraints_are_those_of_the_lock(lock: dict[str, Any], constraints: dict[str, set[str]]) -> None:
    releases: dict[str, set[str]] = {}
    for package in lock["package"]:
        releases.setdefault(package["name"], set()).add(package.get("version", ""))
    assert {name: pins for name, pins in constraints.items() if not pins <= releases.get(name, set())} == {}


def test_whatever_is_required_is_constrained(
    constraints: dict[str, set[str]], root: Path, projects: list[Path]
) -> None:
    """A release of another project that comes out tomorrow does not change what the tests run with."""
    excluded = set(pyproject(root)["tool"]["uv"]["exclude-dependencies"])
    groups = pyproject(root)["dependency-groups"].values()
    wanted = [Requirement(entry) for group in groups for entry in group if isinstance(entry, str)]
    wanted += [r for project in projects for r in declared(pyproject(project)["project"])]
    names = {canonicalize_name(r.name) for r in wanted if not r.marker or r.marker.evaluate()}
    assert {name for name in names if not name.startswith("llmwright")} - excluded - constraints.keys() == set()
