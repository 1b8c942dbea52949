from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llmwright.plugins import installing
from llmwright.plugins.installing import pip_install

HF = "llmwright-runtime-hf[serve]"
EXTRAS = (
    "click>=8",
    "kubernetes>=37; extra == 'kubernetes'",
    "llmwright-presets==0.1.0; extra == 'kubernetes'",
    "llmwright-runtime-hf==0.1.0; extra == 'kubernetes'",
    "aiohttp>=3; extra == 'bench'",
)


@pytest.fixture
def origin(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Says where this program was installed from, and which of its packages are installed beside it."""

    def say(direct_url: str | None, *beside: str) -> None:
        core = SimpleNamespace(requires=EXTRAS, read_text=lambda _: direct_url)
        installed = {"llmwright": core, **dict.fromkeys(beside, SimpleNamespace(requires=()))}

        def distribution(name: str) -> Any:
            if name not in installed:
                raise PackageNotFoundError(name)
            return installed[name]

        monkeypatch.setattr(installing, "distribution", distribution)

    return say


@pytest.fixture
def wheels(tmp_path: Path) -> str:
    """The address of a wheel among others, in a folder whose name has a blank."""
    folder = tmp_path / "my dist"
    folder.mkdir()
    for name in ("llmwright", "llmwright_runtime_hf", "llmwright_presets"):
        (folder / f"{name}-0.1.0-py3-none-any.whl").touch()
    return json.dumps({"url": (folder / "llmwright-0.1.0-py3-none-any.whl").as_uri(), "archive_info": {}})


@pytest.fixture
def clone(tmp_path: Path) -> str:
    """The address of the core in a clone."""
    for project in ("core", "presets", "plugins/runtime_hf"):
        (tmp_path / project).mkdir(parents=True)
        (tmp_path / project / "pyproject.toml").touch()
    return json.dumps({"url": (tmp_path / "core").as_uri(), "dir_info": {"editable": True}})


@pytest.mark.parametrize("direct_url", [None, "{", "[]", '{"url": 1}', '{"url": "https://git.example/x"}'])
def test_from_an_index_by_name(origin: Any, direct_url: str | None) -> None:
    origin(direct_url)
    assert pip_install(HF) == f"pip install '{HF}'"


def test_from_the_wheels_that_lie_beside_the_program_s_own(origin: Any, wheels: str, tmp_path: Path) -> None:
    origin(wheels)
    assert pip_install(HF) == f"pip install '{tmp_path}/my dist'/*.whl '{HF}'"
    assert pip_install("llmwright[kubernetes]") == f"pip install '{tmp_path}/my dist'/*.whl 'llmwright[kubernetes]'"
    assert pip_install("llmwright-runtime-tern") == "pip install 'llmwright-runtime-tern'"


def test_from_a_clone_by_its_folders(origin: Any, clone: str, tmp_path: Path) -> None:
    origin(clone)
    assert pip_install(HF) == f"pip install -e '{tmp_path}/plugins/runtime_hf[serve]'"
    assert pip_install("llmwright-presets") == f"pip install -e '{tmp_path}/presets'"
    assert pip_install("llmwright[kubernetes]") == (
        f"pip install -e '{tmp_path}/presets' -e '{tmp_path}/plugins/runtime_hf' 'llmwright[kubernetes]'"
    )
    assert pip_install("llmwright-runtime-tern") == "pip install 'llmwright-runtime-tern'"


def test_what_is_installed_and_lacks_packages_of_others_alone_needs_no_file(
    origin: Any, wheels: str, clone: str
) -> None:
    """pip takes the one that is there, and asks the index for the others' packages."""
    for place in (wheels, clone):
        origin(place, "llmwright-runtime-hf", "llmwright-presets")
        for requirement in (HF, "llmwright[kubernetes]", "llmwright[bench]", "acme-runtime[serve]"):
            assert pip_install(requirement) == f"pip install '{requirement}'"


def test_wheels_that_are_gone_are_not_named(origin: Any, wheels: str, tmp_path: Path) -> None:
    (tmp_path / "my dist").rename(tmp_path / "elsewhere")
    origin(wheels)
    assert pip_install(HF) == f"pip install '{HF}'"
