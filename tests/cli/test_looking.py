"""Verbs that start nothing: check, plan, render, init, plugins, presets, crd, version, completion, help."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.command import Run
from tests.support.declared import Declare
from tests.support.quickstart_picture import COMMAND, WIDTH, drawn_lines

from llmwright.catalogue.preset_file import read_family
from llmwright.cli.root import behind_the_verb

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "examples/quickstart.yaml"


def test_the_quickstart_is_valid_here(run: Run) -> None:
    ran = run("check", "-f", QUICKSTART)
    assert ran.code == 0
    assert ran.out.endswith("valid\n")


def test_a_relative_path_passes_only_here(run: Run) -> None:
    ran = run("check", "-f", QUICKSTART, "--target", "kubernetes", "-o", "json")
    assert ran.code == 2
    assert "tuning.input.urls[0]" in {problem["path"] for problem in json.loads(ran.out)}


def test_plan_shows_memory_and_what_is_created(run: Run) -> None:
    ran = run("plan", "-f", QUICKSTART)
    assert ran.code == 0
    for words in ("tune demo, then serve it", "memory for tuning", "weights", "OCI image layout", "demo, quickstart"):
        assert words in ran.out


def test_plan_as_json_names_fields_as_the_yaml_does(run: Run) -> None:
    plan = json.loads(run("plan", "-f", QUICKSTART, "-o", "json").out)
    assert plan["servedNames"] == ["demo", "quickstart"]
    assert {role for role, _ in plan["fits"]} == {"tuning", "serving"}


def test_the_picture_of_the_quickstart_shows_what_is_planned_now(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the machine that it was made on."""
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    monkeypatch.chdir(ROOT)
    planned = run("plan", "-f", "examples/quickstart.yaml").out
    if "no GPU" not in planned:
        pytest.skip("the picture is of a machine without a GPU")
    drawn = drawn_lines((ROOT / "docs/images/quickstart.svg").read_text(encoding="utf-8"))
    first, end = drawn.index(f"$ {COMMAND}") + 1, next(n for n, line in enumerate(drawn) if line.startswith("✓"))
    assert anywhere(drawn[first:end]) == anywhere(planned.splitlines()), (
        "python -m tests.support.quickstart_picture docs/images/quickstart.svg"
    )


def anywhere(plan: list[str]) -> list[str]:
    """Return the lines of a printed plan without its warnings, and without what each machine has of its own."""
    own = re.compile(r"  machine |warning: |.*/quickstart-adapter")
    kept = (line.rstrip() for line in plan if not own.match(line))
    return [re.sub(r"(per machine: .*) of .*", r"\1", line) for line in kept if line]


def test_render_prints_every_process(run: Run) -> None:
    launches = yaml.safe_load(run("render", "-f", QUICKSTART).out)
    assert list(launches) == ["preflight", "tuning", "serving"]
    assert launches["tuning"]["main"]["argv"][:3] == ["$(python)", "-m", "llmwright_tuning_qlora.train"]


@pytest.mark.parametrize("purpose", ["tune", "serve"])
def test_init_writes_a_valid_workspace(purpose: str, run: Run, here: Path) -> None:
    assert run("init", purpose, "-f", "mine.yaml").code == 0
    assert (here / "mine.yaml").read_text().count("#") > 3
    assert run("check", "-f", "mine.yaml").code == 0


@pytest.mark.parametrize(
    "data",
    ["questions.jsonl", "./with blanks #1.jsonl", "https://data.example/q.jsonl?a=1&b=2#part", "a: b", "-", "*x"],
)
def test_init_names_the_data_to_tune_on(data: str, run: Run) -> None:
    written = yaml.safe_load(run("init", "tune", "--data", data, "-f", "-").out)
    assert written["tuning"]["input"]["urls"] == [data]


def test_a_server_has_no_data(run: Run) -> None:
    ran = run("init", "serve", "--data", "questions.jsonl", "-f", "-")
    assert ran.code == 2
    assert "--data is for `init tune`" in ran.err


def test_run_prints_the_yaml_it_would_run(run: Run) -> None:
    ran = run("run", "demo", "--print-yaml")
    assert ran.code == 0
    assert yaml.safe_load(ran.out)["inference"] == {"preset": {"name": "demo"}}


def test_plugins_are_listed_and_shown(run: Run) -> None:
    listed = {(row["kind"], row["name"]): row for row in json.loads(run("plugins", "list", "-o", "json").out)}
    assert listed["tuner", "qlora"]["distribution"] == "llmwright-tuning-qlora"
    assert listed["provisioner", "local"]["state"] == "found"
    shown = run("plugins", "show", "hf")
    assert "adapters" in shown.out
    assert run("plugins", "list", "--check").code == 0
    assert "engine vllm:" in run("plugins", "show", "ray").out
    assert run("plugins", "show", "nobody").code == 2


def test_a_blocked_plugin_is_not_used(run: Run) -> None:
    ran = run("--no-plugin", "qlora", "plan", "-f", QUICKSTART)
    assert ran.code == 2
    assert "qlora" in ran.err


def test_the_layers_that_lora_changes_are_shown_by_name(run: Run) -> None:
    assert "tuning:       LoRA on dense, fc1, fc2, k_proj, q_proj, v_proj\n" in run("presets", "show", "phi-2").out
    assert "LoRA on down_proj, gate_up_proj, o_proj, qkv_proj\n" in run("presets", "show", "phi-4").out


def test_presets_are_listed_filtered_and_shown(run: Run) -> None:
    names = {preset["name"] for preset in json.loads(run("presets", "list", "-o", "json").out)}
    assert {"demo", "phi-4-mini-instruct", "llama-3.1-8b-instruct"} <= names
    fitting = {
        p["name"] for p in json.loads(run("presets", "list", "--fits", "Standard_NV36ads_A10_v5", "-o", "json").out)
    }
    assert "phi-4-mini-instruct" in fitting
    assert "llama-3.3-70b-instruct" not in fitting
    assert run("presets", "list", "--license", "mti").code == 2
    assert "Apache-2.0" in run("presets", "show", "demo").out or "apache-2.0" in run("presets", "show", "demo").out


@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_a_preset_is_shown_as_the_file_of_a_pack(run: Run, output: str, read: Callable[[str], Any]) -> None:
    shown = read(run("presets", "show", "phi-4-mini-instruct", "-o", output).out)
    assert (shown["kind"], shown["family"]) == ("PresetFamily", "phi-4")
    (model,) = read_family(shown)
    assert model["source"] == "hf://microsoft/Phi-4-mini-instruct"


def test_the_crd_has_both_versions(run: Run) -> None:
    crd = yaml.safe_load(run("crd").out)
    assert {version["name"] for version in crd["spec"]["versions"]} == {"v1alpha1", "v1beta1"}
    assert run("crd", "--with-plugins").code == 0


def test_get_says_that_there_is_none(run: Run) -> None:
    ran = run("get")
    assert ran.code == 0
    assert ran.out == ""
    assert "no Workspaces" in ran.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_for(shell: str, run: Run) -> None:
    assert "_LLMWRIGHT_COMPLETE" in run("completion", shell).out


def test_every_verb_has_help_with_an_example(run: Run) -> None:
    from llmwright.cli.root import VERBS

    for verb in VERBS:
        ran = run(verb, "--help")
        assert ran.code == 0
        assert f"llmwright {verb}" in ran.out.partition("Examples:")[2], verb


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, contextlib\nsys.argv = ['llmwright', '--help']\nfrom llmwright.cli import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print([m for m in ('pydantic', 'torch', 'transformers', 'kubernetes', 'azure', 'ray', 'httpx', 'stevedore', "
        "'rich', 'yaml') if m in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "[]"


def test_a_reader_that_goes_away_is_told_nothing() -> None:
    command = f"{sys.executable} -m llmwright presets list | head -1"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("NAME")
    assert ran.stderr == ""


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["-n", "models", "get", "one"], ["get", "one", "-n", "models"]),
        (["-nmodels", "--context=prod", "get"], ["get", "-nmodels", "--context=prod"]),
        (["--settings", "s.yaml", "--context", "prod", "-v", "get", "-w"],
         ["--settings", "s.yaml", "-v", "get", "-w", "--context", "prod"]),
        (["--no-plugin", "get", "plugins", "list", "-n", "x"], ["--no-plugin", "get", "plugins", "list", "-n", "x"]),
        (["-n", "models", "chat", "one", "--", "-n", "is it?"], ["chat", "one", "-n", "models", "--", "-n", "is it?"]),
        (["-n"], ["-n"]),
        (["--help"], ["--help"]),
    ],
)  # fmt: skip
def test_options_of_a_place_may_stand_before_the_verb(given: list[str], meant: list[str]) -> None:
    assert behind_the_verb(given) == meant


def test_versions_are_of_what_is_imported_and_what_has_no_name_is_passed_over(
    run: Run, declared: Declare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken" / "left-1.0.dist-info"
    broken.mkdir(parents=True)
    (broken / "METADATA").write_text("Metadata-Version: 2.1\n")
    monkeypatch.syspath_prepend(broken.parent)
    declared("torch", {})
    ran = run("version", "-o", "json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["torch"] == "1.0"
    assert found["llmwright"]
    assert "unknown" not in found


def test_a_verb_without_a_place_refuses_its_options(run: Run) -> None:
    ran = run("-n", "models", "version")
    assert ran.code == 2
    assert "No such option '-n'" in ran.err


def test_what_has_ended_is_not_followed_and_this_machine_keeps_one_log(run: Run) -> None:
    assert "leave out --follow or --previous" in run("logs", "x", "-f", "--previous").err
    assert "one log for all its runs" in run("logs", "x", "--previous").err


def test_what_runs_in_the_foreground_is_no_verb_of_kubectl(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmwright.cli.root.PLUGIN_PROGRAM", "llmwright")
    ran = run("run", "demo")
    assert ran.code == 2
    assert "run is for this machine" in ran.err


@pytest.mark.parametrize("verb", ["describe", "wait", "stop", "start"])
def test_workspaces_are_named_or_chosen_and_not_both(run: Run, verb: str) -> None:
    more = ["--for=delete"] if verb == "wait" else []
    assert run(verb, *more).code == 2
    assert "name Workspaces, or choose them" in run(verb, "one", "-l", "team=search", *more).err
    nobody = run(verb, "-l", "team=search", *more)
    assert (nobody.code, nobody.out) == (0, "")
    assert "no Workspaces with team=search in namespace default" in nobody.err
