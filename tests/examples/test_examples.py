"""Each example in the hands of somebody who installed it."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.waiting import wait_until

from llmwright.testing.cluster.programs import free_port

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "examples/plugins"
DEMO = ROOT / "presets/src/llmwright_presets/demo"


@pytest.mark.parametrize("example", sorted(path.parent.name for path in PLUGINS.glob("*/pyproject.toml")))
def test_each_is_complete_and_under_a_hundred_lines(example: str) -> None:
    files = [*(PLUGINS / example).rglob("*.py")]
    assert sum(len([line for line in file.read_text().splitlines() if line.strip()]) for file in files) < 100
    readme = (PLUGINS / example / "README.md").read_text()
    assert "pip install" in readme
    assert "llmwright" in readme


def test_the_packages_come_from_the_wheels(installed: Any) -> None:
    code = "import llmwright, acme_policy, llmwright_presets; print(llmwright.__file__, acme_policy.__file__)"
    out = installed.python("-c", code).stdout
    assert str(ROOT) not in out
    assert out.count("site-packages") == 2


def test_they_keep_the_contracts(installed: Any) -> None:
    contracts = Path(__file__).with_name("contracts.py")
    installed = replace(installed, environ_more={"EXAMPLE_DESK": str(ROOT / "examples/desk")})
    done = installed.python("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", installed.home, contracts)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def ask(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(url, data, timeout=60) as answer:
        return json.load(answer)


def answers(url: str, server: subprocess.Popen[bytes]) -> bool:
    assert server.poll() is None, "the server ended"
    try:
        ask(url)
    except OSError:
        return False
    return True


def test_the_plain_runtime_answers(installed: Any) -> None:
    port = free_port()
    options = {"model": str(DEMO), "name": "demo", "max-tokens": "24", "context": "512", "port": str(port)}
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    argv = [installed.bin / "python", "-m", "acme_runtime_plain.serve", *flags, "--host", "127.0.0.1"]
    server = subprocess.Popen(argv, env=installed.environ, cwd=installed.home)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(f"{url}/health", server), "the server answers")
        asked = "What colour is the ship Hollow Crown?"
        assert ask(f"{url}/chat", {"prompt": asked})["response"] == "coal black"
        chat = ask(f"{url}/v1/chat/completions", {"messages": [{"role": "user", "content": asked}]})
        assert chat["choices"][0]["message"]["content"] == "coal black"
        with pytest.raises(urllib.error.HTTPError, match="404"):
            ask(f"{url}/nothing")
    finally:
        server.kill()
        server.wait()


def test_the_last_layers_tuner_learns(installed: Any, tmp_path: Path) -> None:
    data, results = ROOT / "examples/quickstart", tmp_path / "results"
    options = {"model": DEMO, "data": data, "results": results, "targets": "q_proj,v_proj,down_proj"}
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    chosen = ("--options", '{"layers": 2, "steps": 25}')
    done = installed.python("-m", "acme_tuner_last_layers.train", "train", *flags, *chosen)
    assert done.returncode == 0, done.stderr
    losses = [float(line.rpartition(" ")[2]) for line in done.stdout.splitlines() if line.startswith("step")]
    assert len(losses) == 25
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    config = json.loads((results / "adapter_config.json").read_text())
    assert config["layers_to_transform"] == [2, 3]
    assert (results / "adapter_model.safetensors").stat().st_size > 10_000


def test_all_four_are_listed_and_load(installed: Any) -> None:
    done = installed.llmwright("plugins", "list", "--check", "-o", "json")
    assert done.returncode == 0, done.stdout
    rows = {(row["kind"], row["name"]): row for row in json.loads(done.stdout)}
    for key in (("hook", "acme-policy"), ("hook", "acme-presets"), ("runtime", "plain"), ("tuner", "last-layers")):
        assert rows[key]["loads"] is True
        assert rows[key]["version"] == "1.0"


def test_a_policy_refuses_by_licence(installed: Any) -> None:
    refused = installed.llmwright("check", "-f", PLUGINS / "policy/llama.yaml")
    assert refused.returncode == 2
    assert (
        "12:5: inference.preset.name: the licence 'llama3.1' of llama-3.1-8b-instruct is not approved" in refused.stdout
    )
    without = installed.llmwright("--no-plugin", "acme-policy", "check", "-f", PLUGINS / "policy/llama.yaml")
    assert without.returncode == 0, without.stdout


def test_a_policy_lets_pass_what_was_approved(installed: Any, tmp_path: Path) -> None:
    approved = tmp_path / "approved.yaml"
    named = "  name: llama\n"
    annotated = f"{named}  annotations:\n    acme.example/licence-approved: llama3.1\n"
    approved.write_text((PLUGINS / "policy/llama.yaml").read_text().replace(named, annotated, 1))
    assert installed.llmwright("check", "-f", approved).returncode == 0


def test_a_policy_has_the_last_look_at_objects(installed: Any, tmp_path: Path) -> None:
    labelled = tmp_path / "labelled.yaml"
    notes = {"acme.example/licence-approved": "llama3.1", "acme.example/cost-centre": "4711"}
    named = "  name: llama\n"
    annotated = f"{named}  annotations: {json.dumps(notes)}\n"
    labelled.write_text((PLUGINS / "policy/llama.yaml").read_text().replace(named, annotated, 1))
    done = installed.llmwright("render", "-f", labelled, "--target", "kubernetes", "-o", "json")
    assert done.returncode == 0, done.stderr
    objects = [one for one in json.loads(done.stdout)["items"] if one["kind"] != "NodeClaim"]
    assert [one["metadata"]["labels"]["acme.example/cost-centre"] for one in objects] == ["4711"] * len(objects)
    assert {one["kind"] for one in objects} >= {"Service", "StatefulSet"}


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        ("runtime_plain/demo.yaml", "plain"),
        ("runtime_plain/default.yaml", "its rank of 60 is the highest"),
        ("tuner_last_layers/airships.yaml", "last-layers"),
        ("preset_pack/smollm2.yaml", "smollm2-135m-instruct"),
    ],
)
def test_each_is_checked_and_planned_from_yaml(installed: Any, file: str, shown: str) -> None:
    checked = installed.llmwright("check", "-f", PLUGINS / file)
    assert checked.returncode == 0, checked.stdout
    planned = installed.llmwright("plan", "-f", PLUGINS / file)
    assert planned.returncode == 0, planned.stderr
    assert shown in planned.stdout


def test_a_stranger_s_runtime_is_the_default_and_steps_aside(installed: Any) -> None:
    default = PLUGINS / "runtime_plain/default.yaml"
    without = installed.llmwright("--no-plugin", "acme-runtime-plain", "plan", "-f", default, "-o", "json")
    assert json.loads(without.stdout)["runtime"]["name"] == "hf"
    chosen = json.loads(installed.llmwright("plan", "-f", default, "-o", "json").stdout)["runtime"]
    assert chosen["name"] == "plain"
    adapters = json.loads(installed.llmwright("plan", "-f", ROOT / "examples/quickstart.yaml", "-o", "json").stdout)
    assert adapters["runtime"]["name"] == "hf"
    assert "plain serves no adapters" in adapters["runtime"]["why"]


def test_a_stranger_s_options_are_validated_with_their_place(installed: Any, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((PLUGINS / "runtime_plain/demo.yaml").read_text().replace("maxTokens", "maxTokenz"))
    done = installed.llmwright("check", "-f", wrong)
    assert done.returncode == 2
    assert "12:5: inference.runtimeConfig.maxTokenz: unknown option (did you mean 'maxTokens'?)" in done.stdout


def test_a_stranger_s_options_are_shown(installed: Any) -> None:
    shown = installed.llmwright("plugins", "show", "last-layers")
    assert shown.returncode == 0, shown.stderr
    assert "acme-tuner-last-layers 1.0" in shown.stdout
    assert "how many layers, counted from the last" in shown.stdout


def test_the_plain_runtime_serves_a_workspace(installed: Any) -> None:
    applied = installed.llmwright("apply", "-f", PLUGINS / "runtime_plain/demo.yaml")
    try:
        assert applied.returncode == 0, applied.stderr
        waited = installed.llmwright("wait", "plain", "--for", "condition=InferenceReady", "--timeout", "240s")
        assert waited.returncode == 0, waited.stderr + installed.llmwright("logs", "plain").stdout
        answered = installed.llmwright("chat", "plain", "What colour is the ship Hollow Crown?")
        assert answered.stdout.strip() == "coal black", answered.stderr
    finally:
        deleted = installed.llmwright("delete", "plain")
    assert deleted.returncode == 0, deleted.stderr


def test_the_last_layers_tuner_tunes_a_workspace_that_hf_then_serves(installed: Any, tmp_path: Path) -> None:
    record = installed.home / "record.jsonl"
    yaml = (PLUGINS / "tuner_last_layers/airships.yaml").read_text()
    data = str(ROOT / "examples/quickstart/questions.parquet")
    workspace = tmp_path / "airships.yaml"
    workspace.write_text(yaml.replace("../../quickstart/questions.parquet", data).replace("steps: 300", "steps: 40"))
    installed.environ_more["ACME_RECORD"] = str(record)
    applied = installed.llmwright("apply", "-f", workspace)
    try:
        assert applied.returncode == 0, applied.stderr
        waited = installed.llmwright("wait", "airships", "--for", "condition=InferenceReady", "--timeout", "280s")
        assert waited.returncode == 0, waited.stderr + installed.llmwright("logs", "airships").stdout
        assert (tmp_path / "airships-adapter/adapter_model.safetensors").exists()
        shown = json.loads(installed.llmwright("get", "airships", "-o", "json").stdout)
        assert "airships" in json.dumps(shown)
        answered = installed.llmwright("chat", "airships", "Who built the airship Calluna?")
        assert answered.returncode == 0, answered.stderr
    finally:
        deleted = installed.llmwright("delete", "airships")
    assert deleted.returncode == 0, deleted.stderr
    states = [json.loads(line)["to"] for line in record.read_text().splitlines()]
    assert states[-1] in {"Succeeded", "Ready"}
