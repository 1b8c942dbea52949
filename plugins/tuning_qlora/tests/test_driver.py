"""The tuners' control half: its command line is the one that the trainer reads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from llmwright.errors import InvalidWorkspace
from llmwright.plugins.drivers import Context
from llmwright.testing import make_context, make_fit, make_preset, make_tuning_data
from llmwright.values.fit import Fit
from llmwright.values.instance_type import InstanceType
from llmwright.values.launch import resolve
from llmwright.values.preset import Architecture, Preset
from llmwright.values.tuning_data import TuningData
from llmwright_tuning_qlora.driver import LoraTuner, QloraTuner
from llmwright_tuning_qlora.train.tuning_options import TuningOptions, parse_options

PRESET = Preset(
    name="tiny", source="hf://acme/Tiny", revision="abc", parameters=2_000_000, weight_bytes=4_000_000, context=256,
    kv_bytes_per_token=64, lora_targets=("q_proj", "v_proj"), tuning={"max_steps": 20, "lora": {"r": 32}},
    architecture=Architecture(
        names=("LlamaForCausalLM",), layers=2, hidden_size=64, intermediate_size=128, attention_heads=4, kv_heads=2,
        head_dim=16, vocab_size=1000,
    ),
)  # fmt: skip
FIT = Fit(instance_type=InstanceType(name="here", cloud="local"), context=128)
FILE = "training_config:\n  LoraConfig: {r: 4}\n  QuantizationConfig: {load_in_4bit: true}\n"


def context() -> Context:
    return Context(clock=lambda: datetime.now(UTC))


@pytest.fixture
def qlora() -> QloraTuner:
    return QloraTuner(context())


def parsed(launch_argv: Sequence[str], tmp_path: Path) -> TuningOptions:
    (tmp_path / "training_config.yaml").write_text(FILE)
    places = {"$(volume.config)": str(tmp_path), "$(volume.data)": "/data", "$(volume.results)": "/results"}
    argv = list(launch_argv)
    assert argv[:3] == ["$(python)", "-m", "llmwright_tuning_qlora.train"]
    for name, place in places.items():
        argv = [part.replace(name, place) for part in argv]
    return parse_options(argv[3:])


def test_the_trainer_understands_what_is_launched(qlora: QloraTuner, tmp_path: Path) -> None:
    config = qlora.configure({"learning_rate": 0.001, "lora": {"lora_alpha": 64}}, {})
    options = parsed(qlora.launch(PRESET, FIT, TuningData(), config).main.argv, tmp_path)
    assert (options.method, options.model, options.revision, options.context) == ("qlora", "acme/Tiny", "abc", 128)
    assert (options.base_name, options.preset_name) == ("acme/Tiny", "tiny")
    assert options.target_modules == ("q_proj", "v_proj")
    assert str(options.progress) == "/results/progress.jsonl"
    assert options.exit_with_parent
    assert options.config == config.effective(PRESET)
    assert (options.config.training.max_steps, options.config.training.learning_rate) == (20, 0.001)
    assert (options.config.lora.r, options.config.lora.lora_alpha) == (32, 64)
    assert options.config.quantization.load_in_4bit


def test_a_file_stands_in_place_of_the_presets_own_options(qlora: QloraTuner, tmp_path: Path) -> None:
    config = qlora.configure({"max_length": 64}, {"training_config.yaml": FILE})
    data = TuningData(config_path="$(volume.config)/training_config.yaml")
    launch = qlora.launch(PRESET, FIT, data, config)
    options = parsed(launch.main.argv, tmp_path)
    assert (options.config.lora.r, options.config.training.max_steps, options.context) == (4, -1, 64)
    assert "config" in {mount.volume for mount in launch.main.mounts}


def test_each_gpu_has_a_process_of_its_own(qlora: QloraTuner) -> None:
    two = replace(FIT, gpus=2)
    argv = qlora.launch(PRESET, two, TuningData(), qlora.configure({}, {})).main.argv
    assert argv[:5] == ("$(python)", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    assert argv[5:7] == ("-m", "llmwright_tuning_qlora.train")
    one = qlora.launch(PRESET, replace(FIT, gpus=1), TuningData(), qlora.configure({}, {}))
    assert one.main.argv[:3] == ("$(python)", "-m", "llmwright_tuning_qlora.train")


def test_lora_needs_no_quantisation(tmp_path: Path) -> None:
    tuner = LoraTuner(context())
    options = parsed(tuner.launch(PRESET, FIT, TuningData(), tuner.configure({}, {})).main.argv, tmp_path)
    assert (options.method, options.config.quantization.bits) == ("lora", None)


def test_inspecting_trains_and_keeps_nothing(qlora: QloraTuner, tmp_path: Path) -> None:
    process = qlora.inspect(PRESET, TuningData(), qlora.configure({}, {}))
    assert process is not None
    options = parsed(process.argv, tmp_path)
    assert options.check_only
    assert (str(options.output), options.context) == ("/data", 256)
    assert qlora.inspect(replace(PRESET, source="oci://r.example/m:1"), TuningData(), qlora.configure({}, {})) is None


def test_inspecting_really_reads_the_data(qlora: QloraTuner, tmp_path: Path) -> None:
    demo = pytest.importorskip("llmwright_presets").__path__[0] + "/demo"
    (tmp_path / "rows.jsonl").write_text(json.dumps({"prompt": "Who?", "answer": "I"}))
    preset = replace(PRESET, source=f"file://{demo}", context=512)
    process = qlora.inspect(preset, TuningData(), qlora.configure({}, {}))
    assert process is not None
    ready = resolve(process, {"python": sys.executable, "volume.data": str(tmp_path)})
    done = subprocess.run(ready.argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "rows.jsonl" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


@pytest.mark.parametrize(
    ("options", "path"),
    [({"max_stps": 3}, "max_stps"), ({"lora": {"r": 0}}, "LoraConfig.r"), ({"learning_rate": "fast"}, "learning_rate")],
)
def test_wrong_options_are_refused_with_their_path(qlora: QloraTuner, options: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        qlora.configure(options, {})
    assert caught.value.problems[0].path.endswith(path)


def test_upstreams_rules_hold() -> None:
    eight_and_four = {"quantization": {"load_in_8bit": True}}
    tuner = QloraTuner(context())
    assert list(tuner.check(tuner.configure(eight_and_four, {})))
    lora = LoraTuner(context())
    assert list(lora.check(lora.configure({"quantization": {"load_in_4bit": True}}, {})))
    assert not list(lora.check(lora.configure({}, {})))


def test_memory_follows_the_options(qlora: QloraTuner) -> None:
    def total(options: dict[str, object], tuner: LoraTuner = qlora) -> int:
        return sum(term.bytes for term in tuner.memory(PRESET, tuner.configure(options, {})))

    assert total({}) < total({}, LoraTuner(context()))
    assert total({}) < total({"lora": {"r": 64}})
    assert total({}) < total({"per_device_train_batch_size": 4})
    assert total({}) < total({"gradient_checkpointing": False})
    assert total({"max_length": 32}) < total({})


def test_the_control_half_is_light() -> None:
    code = (
        "import sys, llmwright_tuning_qlora.driver;"
        "print([m for m in ('torch', 'transformers', 'peft', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("options", "file", "places"),
    [
        ({"model": {"trust_remote_code": True}}, None, ["model.trust_remote_code"]),
        ({"ModelConfig": {"trust_remote_code": "yes"}}, None, ["ModelConfig.trust_remote_code"]),
        ({"model": {"trust_remote_code": False}}, None, []),
        ({"model": {}}, None, []),
        ({"model": 5}, None, []),
        ({}, "true", ["training_config.yaml:training_config.ModelConfig.trust_remote_code"]),
        ({}, "false", []),
        ({}, "[", []),
    ],
)
def test_options_that_ask_for_code_of_the_repository(
    options: dict[str, object], file: str | None, places: list[str]
) -> None:
    text = f"training_config: {{ModelConfig: {{trust_remote_code: {file}}}}}"
    files = {"training_config.yaml": text} if file else {}

    assert list(QloraTuner.asks_remote_code(options, files)) == places


@pytest.mark.parametrize("allowed", [False, True])
def test_code_of_the_repository_runs_where_the_preset_says_so(allowed: bool) -> None:
    tuner, preset = QloraTuner(make_context()), make_preset(remote_code=allowed)
    config = tuner.configure({}, {})
    checked = tuner.inspect(preset, make_tuning_data(), config)

    assert ("--trust-remote-code" in tuner.launch(preset, make_fit(), make_tuning_data(), config).main.argv) is allowed
    assert checked is not None
    assert ("--trust-remote-code" in checked.argv) is allowed


def test_the_rank_of_the_adapter_is_the_greatest_of_its_matrices(qlora: QloraTuner) -> None:
    def rank(tuner: LoraTuner, **lora: object) -> int | None:
        return tuner.adapter_rank(PRESET, tuner.configure({"lora": lora}, {}))

    assert rank(qlora) == 32, "the preset's"
    assert rank(qlora, r=8, rank_pattern={"q_proj": 64}) == 64
    assert rank(LoraTuner(context()), r=8, init_lora_weights="olora") == 16


def test_quantised_weights_need_kernels_that_the_oldest_gpus_lack() -> None:
    lora, qlora = LoraTuner.older_image, QloraTuner.older_image
    assert (lora.built_for, qlora.built_for) == ((5, 0), (6, 0))
    assert lora.role == qlora.role
