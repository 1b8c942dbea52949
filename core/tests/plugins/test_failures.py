from __future__ import annotations

import importlib

import pytest

from llmwright.plugins.discovery import Kind, PluginEntry
from llmwright.plugins.driver_set import KINDS
from llmwright.plugins.failures import load_failed, not_found
from llmwright.plugins.known import known_names, requirement


def found(target: str = "acme.driver:Acme") -> PluginEntry:
    return PluginEntry(kind="runtime", name="acme", target=target, distribution="acme", version="1.0", interface=1)


KNOWN = [(kind, name) for kind in KINDS for name in known_names(kind)]


@pytest.mark.parametrize(("kind", "name"), KNOWN)
def test_a_known_plugin_comes_with_its_pip_line(kind: Kind, name: str) -> None:
    error = not_found(kind, name, ())
    assert error.message == f"no {kind} {name!r} is installed; none is installed"
    assert error.hint == f"pip install '{requirement(kind, name)}'"


def test_a_near_miss_of_a_known_plugin_names_both() -> None:
    assert not_found("tuner", "qlroa", ()).hint == (
        "did you mean 'qlora'? (pip install 'llmwright-tuning-qlora[train]')"
    )


def test_a_name_nobody_knows_is_not_guessed_at() -> None:
    error = not_found("runtime", "zzz", [found()])
    assert error.message.endswith("installed: acme")
    assert error.hint == "install the distribution that brings runtime 'zzz', or name one that is installed"


def test_a_missing_module_of_the_plugin_s_own_package_is_damage() -> None:
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("pydantic.not_there")
    assert "--force-reinstall" in load_failed(found("pydantic.main:BaseModel"), caught.value).hint
    assert load_failed(found(), caught.value).reason == "PluginDependencyMissing"
