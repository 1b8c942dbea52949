"""Correct plugins as their authors have them, and each with one small mistake: the contracts fail on every mistake.

A plugin is what ``llmwright plugins new KIND acme`` writes, under the name of its kind, or a folder of ``plugins/``
with what no new plugin has: modules, entry points, and a test that subclasses a contract. Those that begin with
``whole`` write out all that a new plugin takes from ``llmwright.plugins``. ``mutants/NAME.yaml`` lists
the mistakes in it. Each is a text that is there once and another in its place; ``law`` is the law that it breaks,
``says`` are words of that law's message. ``ability`` is such a change too, a correct one that comes first: then
the plugin has what the law is about.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import pytest
import yaml

from llmwright.cli.plugin_template import KINDS, distribution, plugin_files
from llmwright.testing import tuned_runs
from llmwright.testing.processes import Running

HERE = Path(__file__).parents[1]
PLUGINS = HERE / "plugins"
NAMES = (*KINDS, *sorted(path.name for path in PLUGINS.iterdir()))
MUTANTS_S = 30.0
FAST = ("-p", "no:cacheprovider", "-p", "no:terminal", "-p", "no:xdist", "-p", "no:faulthandler", "-p", "no:cov")


@dataclass(frozen=True)
class Mutant:
    """One mistake in ``file`` of the plugin ``plugin``."""

    plugin: str
    name: str
    file: str
    old: str
    new: str
    law: str
    says: str
    ability: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.plugin}: {self.name}"


@dataclass(eq=False)
class Verdicts:
    """A plugin of pytest that keeps how each law ended: nothing for one that holds, else its message."""

    messages: dict[str, str] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        law = report.nodeid.rpartition("::")[2]
        if report.when == "call" or report.failed:
            self.messages[law] = str(report.longrepr) if report.failed else ""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.messages["collection"] = str(report.longrepr)

    @property
    def broken(self) -> dict[str, str]:
        """The laws that do not hold."""
        return {law: message for law, message in self.messages.items() if message}


def mutants(plugin: str) -> list[Mutant]:
    """Return the mistakes that are listed for ``plugin``."""
    rows = yaml.safe_load((HERE / "mutants" / f"{plugin}.yaml").read_text())
    return [Mutant(plugin, **{"file": f"{plugin}.py", "says": "", **row}) for row in rows]


def write(mutant: Mutant, folder: Path) -> Path:
    """Write the repository of the plugin with its mistake; return it."""
    repository = write_plugin(mutant.plugin, folder)
    file = repository / mutant.file
    text = file.read_text()
    for change in filter(None, (mutant.ability, {"old": mutant.old, "new": mutant.new})):
        count = text.count(change["old"])
        assert count == 1, f"{mutant}: {change['old']!r} is {count} times in {mutant.file}"
        text = text.replace(change["old"], change["new"])
    file.write_text(text)
    return repository


def write_plugin(plugin: str, folder: Path) -> Path:
    """Write the repository of a correct plugin; return it."""
    repository = folder / plugin
    if plugin in KINDS:
        for path, text in plugin_files(plugin, "acme").items():
            (repository / path).parent.mkdir(parents=True, exist_ok=True)
            (repository / path).write_text(text)
    else:
        shutil.copytree(PLUGINS / plugin, repository, ignore=shutil.ignore_patterns("__pycache__"))
    return repository


def install(repository: Path) -> None:
    """Write the metadata that pip writes on install."""
    name, points = repository.name.replace("_", "-"), repository / "entry_points.txt"
    if repository.name in KINDS:
        name = distribution(repository.name, "acme")
        groups = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["entry-points"]
        lines = [f"[{group}]\n{key} = {value}" for group, each in groups.items() for key, value in each.items()]
        points.write_text("\n".join(lines) + "\n")
    about = repository / f"{name.replace('-', '_')}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points.rename(about / "entry_points.txt")


def broken_laws(repository: Path, law: str = "") -> dict[str, str]:
    """Run the author's test, of all laws or of ``law``; return the message of each law that does not hold.

    Raises:
        AssertionError: no law ran.
    """
    verdicts = Verdicts()
    install(repository)
    contracts = [*repository.glob("*_contract.py"), *repository.glob("tests/test_*.py")]
    arguments = [*map(str, contracts), *FAST, f"--rootdir={repository}", "-c", os.devnull, "--import-mode=importlib"]
    # Else it removes directories of other sessions as it ends. Where one is still written to, pytest's warning is an
    # error here, and leaves pytest's own listing of them open.
    arguments.append(f"--basetemp={repository.parent / 'temporary'}")
    # There, for a hook that writes its record where it is called.
    with _installed(repository), chdir(repository), _impatient() if law else nullcontext():
        pytest.main([*arguments, *(("-k", law) if law else ())], plugins=[verdicts])
    assert verdicts.messages, f"no law named {law!r} ran"
    return verdicts.broken


@contextmanager
def _impatient() -> Iterator[None]:
    """Let laws wait for a process that never comes or ends for some seconds, and not for minutes."""
    with (
        mock.patch.object(tuned_runs, "PATIENCE_S", MUTANTS_S),
        mock.patch.object(Running.until, "__defaults__", (MUTANTS_S,)),
        mock.patch.object(Running.ended, "__defaults__", (MUTANTS_S,)),
    ):
        yield


@contextmanager
def _installed(repository: Path) -> Iterator[None]:
    """Let this process import the repository's modules, and forget them after."""
    before = [*sys.path]
    sys.path.insert(0, str(repository))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = before
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(str(repository)):
                del sys.modules[name]
