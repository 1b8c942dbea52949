"""Code of a model's repository runs nowhere, unless a setting allows it: its mark is looked for after each way in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.hf_server import COMMAND, run_to_end, running_server
from tests.support.trap_model import save_trap_model
from tests.support.tuning_process import arguments
from tests.support.waiting import wait_until

SERVE = {
    "apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": "mine"}, "resource": {},
}  # fmt: skip
FACTS = "".join(json.dumps({"prompt": f"{n}?", "completion": "the quick"}) + "\n" for n in range(4))


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setenv("LLMWRIGHT_STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "mark"


@pytest.fixture
def trap(tmp_path: Path, mark: Path) -> Path:
    return save_trap_model(tmp_path / "trap", mark)


def llmwright(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llmwright", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("native", [False, True])
def test_the_server_refuses_a_model_that_needs_its_code(tmp_path: Path, mark: Path, native: bool) -> None:
    """Code for config, model and tokenizer, or for the tokenizer alone."""
    trap = save_trap_model(tmp_path / "trap", mark, native=native)

    ended = run_to_end("--model", str(trap), "--port", "0")

    assert ended.returncode == 2, ended.stderr
    last = ended.stderr.splitlines()[-1]
    assert f"the model {trap} cannot be loaded without Python code from its repository" in last
    assert "sources.remoteCode" in last
    assert "Traceback" not in ended.stderr
    assert not mark.exists()


def test_the_trap_is_one(trap: Path, mark: Path, tmp_path: Path) -> None:
    """Where it is allowed, the code runs: so its mark would have been seen."""
    with running_server(tmp_path / "log", "--model", str(trap), "--trust-remote-code") as server:
        server.wait_until_ready()
        wait_until(mark.exists, "the code left its mark")


def test_tuning_refuses_a_model_that_needs_its_code(trap: Path, mark: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text(FACTS)
    argv = arguments(trap, data, tmp_path / "out", method="lora", options={"max_steps": 1})
    command = [sys.executable, "-m", "llmwright_tuning_qlora.train"]
    for more in (["--check-only"], [], ["--options", '{"model": {"trust_remote_code": true}}']):
        ended = subprocess.run([*command, *argv, *more], capture_output=True, text=True, check=False)
        assert not mark.exists()
        assert "Traceback" not in ended.stderr
    assert ended.returncode == 2
    assert "trust_remote_code is on, and nothing allows code" in ended.stderr


def test_a_model_that_transformers_knows_is_served_without_its_code(tmp_path: Path, mark: Path) -> None:
    model = save_trap_model(tmp_path / "model", mark, native=True, tokenizer=False)
    with running_server(tmp_path / "log", "--model", str(model)) as server, server.client() as http:
        server.wait_until_ready()
        plain = http.post("/v1/completions", json={"prompt": "a", "max_tokens": 2})
        chat = http.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "a"}]})

    assert plain.status_code == 200
    assert chat.status_code == 400
    assert "the chat template refuses" in chat.json()["error"]["message"]
    assert not mark.exists()


@pytest.mark.parametrize("purpose", ["inference", "tuning"])
def test_check_and_plan_refuse_it_and_name_the_setting(trap: Path, mark: Path, tmp_path: Path, purpose: str) -> None:
    part: dict[str, object] = {"preset": {"name": trap.as_uri()}}
    if purpose == "tuning":
        data = tmp_path / "data.jsonl"
        data.write_text(FACTS)
        part |= {"method": "lora", "input": {"urls": [str(data)]}}
    file = tmp_path / "workspace.yaml"
    file.write_text(json.dumps({**SERVE, purpose: part}))

    for verb in ("check", "plan"):
        refused = llmwright(verb, "-f", file)
        assert refused.returncode != 0
        said = refused.stdout + refused.stderr
        assert f"{purpose}.preset.name" in said
        assert "sources.remoteCode" in said
    assert not mark.exists()


def test_a_setting_allows_it_and_nothing_else_does(
    trap: Path, mark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "workspace.yaml"
    file.write_text(json.dumps({**SERVE, "inference": {"preset": {"name": trap.as_uri()}}}))
    monkeypatch.setenv("LLMWRIGHT_SOURCES_REMOTE_CODE", f"hf://other/model,{trap.as_uri()}")

    planned = llmwright("plan", "-f", file, "-o", "json")

    assert planned.returncode == 0, planned.stderr
    assert "--trust-remote-code" in json.loads(planned.stdout)["serving"]["main"]["argv"]
    assert not mark.exists()


def test_listing_presets_runs_nothing(trap: Path, mark: Path) -> None:
    assert llmwright("--presets", trap, "presets", "list").returncode in (0, 2)
    assert llmwright("presets", "show", trap.as_uri()).returncode in (0, 2)
    assert not mark.exists()


def test_help_of_the_server_says_it(mark: Path) -> None:
    shown = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)

    assert "--trust-remote-code" in shown.stdout
