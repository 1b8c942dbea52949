"""training_config.yaml: sections, defaults, upstream's rules, options laid over it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from llmwright.errors import InvalidWorkspace
from llmwright_tuning_qlora.training_config import Method, TrainingConfig

# Upstream's own verdicts on these (KAITO v0.12, Workspace.Validate): cases own-131 to own-146.
UPSTREAM_CASES = [
    ("lora", "QuantizationConfig: {load_in_4bit: true, bnb_4bit_quant_type: nf4}", "must not be true"),
    ("lora", "QuantizationConfig: {load_in_8bit: true}", "must not be true"),
    ("qlora", "QuantizationConfig: {load_in_4bit: true, load_in_8bit: true}", "Cannot set both"),
    ("qlora", "LoraConfig: {r: 8}", "must be true"),
    ("lora", "LoraConfig: {r: 8}", ""),
    ("lora", "TrainingArguments: {output_dir: ../mntfoo}", ""),
    ("lora", "TrainingArguments: {output_dir: /mnt}", "not a directory below /mnt"),
    ("lora", "TrainingArguments: {output_dir: ../etc}", "not a directory below /mnt"),
    ("lora", "ModelConfig: {torch_dtype: bfloat16, local_files_only: true, device_map: auto}", ""),
]

OWN_CASES = [
    ("lora", {"bias": "all"}, "share when served"),
    ("lora", {"bias": "lora_only"}, "share when served"),
    ("lora", {"init_lora_weights": "pissa"}, ""),
    ("lora", {"init_lora_weights": "pissa", "use_dora": True}, "is not supported with use_dora"),
    ("qlora", {"init_lora_weights": "pissa"}, "a quantised base cannot take that back"),
    ("qlora", {"init_lora_weights": "olora"}, "a quantised base cannot take that back"),
    ("qlora", {"init_lora_weights": "gaussian"}, ""),
    ("lora", {"modules_to_save": ["lm_head"]}, "vLLM refuses it"),
    ("lora", {"use_dora": True}, "vLLM refuses it"),
    ("lora", {"lora_bias": True}, "vLLM refuses it"),
    ("lora", {"r": 300, "init_lora_weights": "pissa"}, "vLLM takes up to 512"),
]


def read(section: str) -> TrainingConfig:
    return TrainingConfig.from_yaml(f"training_config:\n  {section}\n")


@pytest.mark.parametrize(("method", "section", "message"), UPSTREAM_CASES)
def test_upstreams_rules(method: Method, section: str, message: str) -> None:
    found = [problem.message for problem in read(section).problems(method)]
    assert len(found) == (1 if message else 0)
    assert all(message in text for text in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("training_config: [1]", "Expected 'training_config' key to contain a map"),
        ("other: {}", "expected the one key 'training_config'"),
        ("training_config:\n\tLoraConfig: {}", "2:1: training_config.yaml: a tab"),
        ("training_config:\n  LoraConfig: {r: 1, r: 2}", "training_config.LoraConfig.r: the key is there twice"),
        ("training_config:\n  LoraConfigs: {}", "did you mean 'LoraConfig'?"),
        (
            "training_config:\n  LoraConfig: {lora_alfa: 1}",
            "LoraConfig.lora_alfa: unknown key (did you mean 'lora_alpha'?)",
        ),
        ("training_config:\n  TrainingArguments: {output_dir: 5}", "TrainingArguments.output_dir"),
        ("training_config:\n  QuantizationConfig: {load_in_4bit: 'yes'}", "QuantizationConfig.load_in_4bit"),
        ("training_config:\n  TrainingArguments: {packing: true}", "known and not supported: rows are never packed"),
        ("training_config:\n  TrainingArguments: {learning_rate: fast}", "TrainingArguments.learning_rate"),
        ("training_config:\n  DatasetConfig: {train_test_split: 0}", "DatasetConfig.train_test_split"),
    ],
)
def test_a_bad_file_is_refused_with_its_path(text: str, said: str) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        TrainingConfig.from_yaml(text)
    assert said in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        read("LoraConfig: {r: 0, rr: 1}\n  Lora: {}\n  TrainingArguments: {deepspeed: x}")
    assert len(caught.value.problems) == 4


def test_defaults_are_those_of_upstreams_charts() -> None:
    config = TrainingConfig.defaults("qlora")
    assert (config.quantization.bits, config.quantization.bnb_4bit_quant_type) == (4, "nf4")
    assert config.quantization.bnb_4bit_use_double_quant
    assert (config.lora.r, config.lora.lora_alpha, config.training.per_device_train_batch_size) == (8, 8, 1)
    assert config.dataset.train_test_split == 1
    assert TrainingConfig.defaults("lora").quantization.bits is None
    assert config.problems("qlora") == []
    assert config.results_dir() == "/mnt/results"
    assert read("LoraConfig: {}").results_dir() == "/mnt/output"


def test_options_lie_over_the_config_and_survive_yaml() -> None:
    options = {"max_steps": 20, "learning_rate": "1e-3", "lora": {"r": 32}, "DatasetConfig": {"train_test_split": 0.5}}
    config = TrainingConfig.defaults("qlora").merge(options)
    assert (config.training.max_steps, config.training.learning_rate, config.lora.r) == (20, 1e-3, 32)
    assert config.lora.lora_alpha == 8
    assert config.dataset.train_test_split == 0.5
    assert TrainingConfig.from_yaml(config.to_yaml()) == config


def test_a_misspelt_option_gets_a_suggestion() -> None:
    with pytest.raises(InvalidWorkspace, match=r"max_stepz.*did you mean 'max_steps'"):
        TrainingConfig.defaults("lora").merge({"max_stepz": 1})


def test_what_is_accepted_and_not_used_is_noted() -> None:
    config = read("TrainingArguments: {report_to: none, evaluation_strategy: steps}\n  ModelConfig: {device_map: auto}")
    assert [note.split(" ")[0].rpartition(".")[2] for note in config.notes] == ["report_to", "device_map"]
    assert config.training.eval_strategy == "steps"


def test_reading_a_config_loads_nothing_heavy() -> None:
    code = "import sys, llmwright_tuning_qlora.training_config as c; c.TrainingConfig.defaults('lora')\n"
    heavy = "{'torch', 'transformers', 'peft', 'pyarrow', 'numpy'}"
    subprocess.run([sys.executable, "-c", f"{code}assert not {heavy} & set(sys.modules)"], check=True)


@pytest.mark.parametrize(("method", "lora", "fault"), OWN_CASES)
def test_an_adapter_changes_nothing_that_others_share(method: Method, lora: dict[str, object], fault: str) -> None:
    config = TrainingConfig.defaults(method).merge({"lora": lora})
    by_severity = {problem.severity: problem.message for problem in config.problems(method)}
    if "vLLM" in fault:
        assert by_severity.keys() == {"warning"}
        assert fault in by_severity["warning"]
    else:
        assert ("error" in by_severity) == bool(fault)
        assert fault in by_severity.get("error", "")
