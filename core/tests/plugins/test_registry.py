from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from llmwright.plugins import hookimpl
from llmwright.plugins.configuration import validate_options
from llmwright.plugins.registry import HOOKS, Registry, one_line_on_stderr


def test_construction_reads_nothing() -> None:
    code = (
        "import importlib.metadata as m, sys\n"
        "from llmwright.plugins.registry import Registry\n"
        "m.distributions = None\n"
        "Registry(blocked=['x'], trace=True)\n"
        "assert 'llmwright.plugins.drivers' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_hooks_are_the_public_functions_of_the_specifications() -> None:
    assert {"presets", "instance_types", "check_workspace", "status_changed"} <= HOOKS
    assert not HOOKS & {"Traversable", "Iterable", "annotations"}


def test_hookimpl_marks_as_pluggy_reads_it() -> None:
    @hookimpl
    def presets() -> list[str]:
        return []

    assert vars(presets)["llmwright_impl"]


def test_the_package_has_no_other_late_names() -> None:
    import llmwright.plugins

    with pytest.raises(AttributeError, match="no attribute 'hookspec'"):
        llmwright.plugins.hookspec  # noqa: B018


def test_names_leave_out_what_cannot_be_used(declare: Callable[..., Path]) -> None:
    declare(
        "acme-a", {"llmwright.runtimes.v1": {"mine": "a:A", "both": "a:B"}, "llmwright.runtimes.v9": {"far": "a:C"}}
    )
    declare("acme-b", {"llmwright.runtimes.v1": {"both": "b:B", "theirs": "b:T"}})
    names = Registry(blocked=["theirs"]).names("runtime")
    assert "mine" in names
    assert not {"both", "far", "theirs"} & set(names)


@pytest.mark.parametrize(("value", "told"), [("1", True), ("0", False), ("", False)])
def test_the_trace_is_asked_of_the_environment(
    value: str, told: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LLMWRIGHT_TRACE_PLUGINS", value)
    Registry().hooks().collect("presets")
    assert ("hook presets of" in capsys.readouterr().err) is told


def test_a_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    one_line_on_stderr("it\n  broke")
    assert capsys.readouterr().err == "llmwright: it broke\n"


def test_an_object_may_answer_hooks_too(declare: Callable[..., Path]) -> None:
    code = """
from llmwright.plugins import hookimpl
class Pack:
    @hookimpl
    def presets(self):
        return ["x"]
pack = Pack()
"""
    declare("acme", {"llmwright.hooks.v1": {"acme": "acme_object:pack"}}, files={"acme_object.py": code})
    answers = {found.name: items for found, items in Registry().hooks().collect("presets")}
    assert answers["acme"] == ("x",)


def test_no_model_takes_no_options() -> None:
    from llmwright.errors import InvalidWorkspace

    assert validate_options(None, {}) == {}
    with pytest.raises(InvalidWorkspace, match="this driver takes no options"):
        validate_options(None, {"x": 1})
