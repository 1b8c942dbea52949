"""Where settings come from, which one wins, and what is said about a wrong one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from llmwright import settings
from llmwright.errors import ConfigError
from llmwright.settings import Settings


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``load`` in an empty directory, with no settings of the user's."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def call(
        text: str | None = None, environ: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None
    ) -> Settings:
        if text is not None:
            (tmp_path / "llmwright.yaml").write_text(text)
        return settings.load(flags, environ or {}, tmp_path)

    return call


def test_without_anything_the_defaults_hold(load: Any) -> None:
    found = load()
    assert found == Settings()
    assert found.on_success == "serve"
    assert found.endpoints.host == "127.0.0.1"


def test_a_flag_wins_over_a_variable_over_the_file(load: Any) -> None:
    text = "runtime: vllm\nprovisioner: karpenter\nlimits: {nodes: 1, usdPerHour: 3}\nonSuccess: release\n"
    environ = {"LLMWRIGHT_RUNTIME": "ray", "LLMWRIGHT_LIMITS_NODES": "2", "LLMWRIGHT_PROVISIONER": "byo"}
    found = load(text, environ, {"limits.nodes": 3, "runtime": None, "provisioner": "aks"})
    assert (found.provisioner, found.runtime, found.on_success) == ("aks", "ray", "release")
    assert (found.limits.nodes, found.limits.usd_per_hour) == (3, 3.0)


def test_the_users_file_is_read_where_the_directory_has_none(load: Any, tmp_path: Path) -> None:
    directory = tmp_path / "config" / "llmwright"
    directory.mkdir(parents=True)
    (directory / "llmwright.yaml").write_text("runtime: ray\n")
    assert load().runtime == "ray"
    assert load("runtime: vllm\n").runtime == "vllm"


def test_a_named_file_is_read_instead(load: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("runtime: ray\npresetDirectories: [mine, /theirs]\n")
    load("runtime: vllm\n")
    found = settings.load({}, {}, tmp_path, file=other)
    assert found.runtime == "ray"
    assert found.preset_directories == (tmp_path / "mine", Path("/theirs"))
    assert settings.load({}, {"LLMWRIGHT_SETTINGS": str(other)}, tmp_path).runtime == "ray"


def test_variables_hold_lists_numbers_and_mappings(load: Any) -> None:
    environ = {
        "LLMWRIGHT_BLOCKED_PLUGINS": "ray, vllm",
        "LLMWRIGHT_SOURCES_ALLOW": "[10.0.0.0/8]",
        "LLMWRIGHT_PLUGINS": "{provisioner: {aks: {resourceGroup: r}}}",
        "LLMWRIGHT_PREFLIGHT": "false",
        "LLMWRIGHT_TRACE_PLUGINS": "1",
    }
    found = load(None, environ)
    assert found.blocked_plugins == ("ray", "vllm")
    assert found.sources.allow == ("10.0.0.0/8",)
    assert found.plugins.provisioner == {"aks": {"resourceGroup": "r"}}
    assert found.preflight is False


def test_limits_of_a_namespace_replace_those_of_all(load: Any) -> None:
    found = load("limits: {nodes: 4}\nnamespaceLimits: {research: {instanceTypes: [Standard_X]}}\n")
    assert found.limits_of("default").nodes == 4
    assert found.limits_of("research").nodes is None
    assert found.limits_of("research").allows_type("standard_x")
    assert not found.limits_of("research").allows_type("Standard_Y")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("runtme: vllm\n", "llmwright.yaml:1: runtme: unknown field (did you mean 'runtime'?)"),
        ("\nlimits:\n  node: 3\n", "llmwright.yaml:3: limits.node: unknown field (did you mean 'nodes'?)"),
        ("limits:\n  nodes: many\n", "llmwright.yaml:2: limits.nodes: "),
        ("limits: {nodes: 0}\n", "llmwright.yaml:1: limits.nodes: "),
        ("limits: {usdPerHour: -1}\n", "llmwright.yaml:1: limits.usdPerHour: "),
        ("onSuccess: stay\n", "llmwright.yaml:1: onSuccess: 'stay' is not one of serve, release"),
        ("- a\n", "settings are one mapping"),
        ("a: [\n", "llmwright.yaml:2:1: not valid YAML"),
        ("runtime:\n\tx\n", "a tab where YAML wants spaces"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(load: Any, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(text)
    assert words in refused.value.message
    assert refused.value.exit_code == 2


def test_a_wrong_variable_and_a_wrong_flag_are_named(load: Any) -> None:
    with pytest.raises(ConfigError, match=r"^LLMWRIGHT_LIMITS_NODES: limits\.nodes: "):
        load("limits: {nodes: 3}\n", {"LLMWRIGHT_LIMITS_NODES": "x"})
    with pytest.raises(ConfigError, match=r"^flag: limits\.nodes: "):
        load("limits: {nodes: 3}\n", {}, {"limits.nodes": -1})


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not there"):
        settings.load({}, {}, tmp_path, file=tmp_path / "none.yaml")


def test_importing_settings_imports_no_pydantic() -> None:
    code = "import sys, llmwright.settings; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
