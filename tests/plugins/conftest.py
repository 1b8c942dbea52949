"""A virtual environment with throw-away distributions in it, broken in every way there is."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

RUNTIME = """
from llmwright.plugins.drivers import Capabilities, Runtime
from llmwright.values.launch import Launch, Process

class {name}(Runtime):
    targets = frozenset({{"local"}})
    capabilities = Capabilities()
    def launch(self, preset, fit, adapters, config):
        return Launch(main=Process(name="serve", argv=("true",)), ports={{"http": 5000}})
"""


@dataclass(frozen=True)
class Throwaway:
    """A distribution to be: files by path, entry points by group."""

    name: str
    files: Mapping[str, str]
    entry_points: Mapping[str, Mapping[str, str]]
    version: str = "1.0"
    metadata: tuple[str, ...] = field(default=())

    def wheel(self, directory: Path) -> Path:
        """Writes the wheel, a zip file with four texts of metadata, and returns its path."""
        stem = f"{self.name.replace('-', '_')}-{self.version}"
        path = directory / f"{stem}-py3-none-any.whl"
        groups = "\n".join(
            f"[{group}]\n" + "\n".join(f"{name} = {target}" for name, target in points.items())
            for group, points in self.entry_points.items()
        )
        about = [f"Metadata-Version: 2.1\nName: {self.name}\nVersion: {self.version}", *self.metadata]
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in self.files.items():
                archive.writestr(name, text)
            archive.writestr(f"{stem}.dist-info/METADATA", "\n".join(about) + "\n")
            tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            archive.writestr(f"{stem}.dist-info/WHEEL", tags)
            archive.writestr(f"{stem}.dist-info/entry_points.txt", groups + "\n")
            archive.writestr(f"{stem}.dist-info/RECORD", "")
        return path


@dataclass(frozen=True)
class Environment:
    """The virtual environment."""

    python: Path

    def run(self, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs ``code`` there."""
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(self.python.parent), **variables}
        return subprocess.run(
            [self.python, "-c", code], capture_output=True, text=True, check=False, timeout=120, env=environ
        )

    def ask(self, expression: str, **variables: str) -> Any:
        """The value of ``expression`` there, by way of JSON; ``registry`` and ``error_of`` are at hand."""
        done = self.run(f"{PRELUDE}\nprint(json.dumps({expression}))", **variables)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])


PRELUDE = """
import json
from llmwright.errors import PluginError
from llmwright.plugins.registry import Registry
lines = []
registry = Registry(log=lines.append)

def error_of(call, *arguments, **named):
    try:
        call(*arguments, **named)
    except PluginError as error:
        return [type(error).__name__, error.reason, error.message, error.hint]
"""


def install(throwaways: list[Throwaway], directory: Path) -> Environment:
    """A virtual environment in ``directory`` that sees this session's packages, and ``throwaways`` by pip."""
    venv.create(directory / "venv", with_pip=True)
    python = directory / "venv/bin/python"
    paths = sysconfig.get_paths("venv", vars={"base": str(directory / "venv")})
    standard = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    seen = [p for p in sys.path if Path(p).is_dir() and p not in standard and not p.endswith("lib-dynload")]
    (Path(paths["purelib"]) / "session.pth").write_text("\n".join(seen) + "\n")
    wheels = [throwaway.wheel(directory) for throwaway in throwaways]
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([*pip, *map(str, wheels)], check=True)
    return Environment(python)


def runtime(distribution: str, name: str, code: str, target: str = "", **more: Any) -> Throwaway:
    """A distribution with one module and one runtime."""
    module = distribution.replace("-", "_")
    points = {"llmwright.runtimes.v1": {name: target or f"{module}:{name.capitalize()}"}}
    return Throwaway(distribution, {f"{module}.py": code}, points, **more)


def hook(distribution: str, code: str, **more: Any) -> Throwaway:
    """A distribution with one module of hooks."""
    module = distribution.replace("-", "_")
    code = f"from llmwright.plugins import hookimpl\n{code}"
    return Throwaway(distribution, {f"{module}.py": code}, {"llmwright.hooks.v1": {distribution: module}}, **more)


def _drivers() -> list[Throwaway]:
    heavy = ("Provides-Extra: serve", "Requires-Dist: surely-not-installed>=1; extra == 'serve'")
    abstract = "from llmwright.plugins.drivers import Runtime\nclass Bare(Runtime):\n    pass"
    aimless = RUNTIME.format(name="Aimless").replace('targets = frozenset({"local"})', "pass")
    falsy = RUNTIME.format(name="Falsy").replace("class Falsy(Runtime)", "class Falsy(Runtime, metaclass=Empty)")
    empty = "from abc import ABCMeta\nclass Empty(ABCMeta):\n    def __len__(cls):\n        return 0\n"
    return [
        runtime("acme-good", "good", RUNTIME.format(name="Good"), metadata=heavy),
        runtime("twin-one", "twin", RUNTIME.format(name="Twin")),
        runtime("twin-two", "twin", RUNTIME.format(name="Twin")),
        runtime("acme-broken", "broken", "raise ImportError('libacme.so.7: cannot open shared object file')"),
        runtime("acme-needy", "needy", "import not_there.deep", metadata=("Requires-Dist: not-there>=2",)),
        runtime("acme-lazy", "lazy", "import surely_not_installed", metadata=heavy),
        runtime("acme-hollow", "hollow", "", target="acme_hollow_moved:Hollow"),
        runtime("acme-nameless", "nameless", ""),
        runtime("acme-function", "function", "def Function(context):\n    return context"),
        runtime("acme-stranger", "stranger", "class Stranger:\n    pass"),
        runtime("acme-bare", "bare", abstract),
        runtime("acme-aimless", "aimless", aimless),
        runtime("acme-falsy", "falsy", empty + falsy),
        runtime("acme-quitter", "quitter", "import sys\nsys.exit('I quit')"),
        runtime("acme-crasher", "crasher", "import os\nos.abort()"),
        runtime("acme-talker", "talker", "print('hello')\n" + RUNTIME.format(name="Talker")),
        Throwaway("acme-future", {}, {"llmwright.runtimes.v2": {"future": "acme_future:Future"}}),
    ]


def _hooks() -> list[Throwaway]:
    policy = "@hookimpl\ndef check_workspace(workspace, plan):\n    "
    observer = "@hookimpl\ndef status_changed(workspace, old, new):\n    "
    look = "@hookimpl\ndef manifests(workspace, plan, objects):\n    "
    preset_yaml = "# Acme's models\nkind: PresetFamily\npresets: []\n"
    pack = {"acme_pack/models/a.yaml": preset_yaml, "acme_pack/skus.yaml": "kind: InstanceTypes\n"}
    stray = {"acme_pack/typo.yaml": "kind: PresetFamly\n", "acme_pack/own.yaml": "nothing: here\n"}
    return [
        hook("hook-first", f"{policy}return [f'first saw {{workspace}}']\n{observer}workspace.append('first')"),
        hook("hook-generator", f"{policy}yield 'one'\n    raise KeyError('half way')"),
        hook("hook-raising", f"{observer}raise RuntimeError('observer down')"),
        hook("hook-last", f"{policy}return None\n{observer}workspace.append('last')"),
        hook("hook-looks", f"{look}return [*objects, workspace]"),
        hook("hook-looks-too", f"{look}return [one.upper() for one in objects]"),
        hook("hook-looks-away", f"{look}return None"),
        hook("hook-misspelt", "@hookimpl\ndef check_workspce(workspace, plan):\n    return []"),
        hook("hook-arguments", "@hookimpl\ndef check_workspace(workspace, price):\n    return []"),
        hook("hook-unmarked", "def check_workspace(workspace, plan):\n    return []"),
        hook("hook-broken", "import not_there"),
        Throwaway("acme-pack", pack | stray, {"llmwright.hooks.v1": {"models": "acme_pack"}}),
    ]


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """All throw-away distributions at once: each broken one must cost only its own users."""
    return install([*_drivers(), *_hooks()], tmp_path_factory.mktemp("throwaway"))


@pytest.fixture(scope="session")
def installer() -> Callable[[list[Throwaway], Path], Environment]:
    """Makes an environment of one's own."""
    return install
