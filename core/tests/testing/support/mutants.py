"""Correct plugins as their authors have them, and each with one small mistake: the contracts fail on every mistake.

A folder of ``plugins/`` is an author's repository: modules, entry points, and a test that subclasses a contract.
``mutants/NAME.yaml`` lists the mistakes in it. Each is a text that is there once and another in its place; ``law`` is
the law that it breaks, ``says`` are words of that law's message.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).parents[1]
PLUGINS = HERE / "plugins"
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

    def __str__(self) -> str:
        return f"{self.plugin}: {self.name}"


@dataclass
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
    assert text.count(mutant.old) == 1, f"{mutant}: {mutant.old!r} is {text.count(mutant.old)} times in {mutant.file}"
    file.write_text(text.replace(mutant.old, mutant.new))
    return repository


def write_plugin(plugin: str, folder: Path) -> Path:
    """Write the repository of a correct plugin, with the metadata that pip writes on install; return it."""
    repository = folder / plugin
    shutil.copytree(PLUGINS / plugin, repository, ignore=shutil.ignore_patterns("__pycache__"))
    about = repository / f"{plugin}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {plugin.replace('_', '-')}\nVersion: 1.0\n")
    (repository / "entry_points.txt").rename(about / "entry_points.txt")
    return repository


def broken_laws(repository: Path, law: str = "") -> dict[str, str]:
    """Run the author's test, of all laws or of ``law``; return the message of each law that does not hold.

    Raises:
        AssertionError: no law ran.
    """
    verdicts = Verdicts()
    contract = repository / f"{repository.name}_contract.py"
    arguments = [str(contract), *FAST, f"--rootdir={repository}", "-c", os.devnull, "--import-mode=importlib"]
    # There, for a hook that writes its record where it is called.
    with _installed(repository), chdir(repository):
        pytest.main([*arguments, *(("-k", law) if law else ())], plugins=[verdicts])
    assert verdicts.messages, f"no law named {law!r} ran"
    return verdicts.broken


@contextmanager
def _installed(repository: Path) -> Iterator[None]:
    """Let this process import the repository's modules, and forget them after."""
    sys.path.insert(0, str(repository))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(repository))
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(str(repository)):
                del sys.modules[name]
