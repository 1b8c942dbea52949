"""Rules on the configs that a Workspace names."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.checking import SERVE, TUNE, Check, edit


def judge(check: Check, data: dict[str, Any], text: str | None, **changes: Any) -> list[str]:
    """Reasons of the errors with a config ``mine`` whose file holds ``text``; None for no such config."""
    kind = "tuning" if "tuning" in data else "inference"
    file = "training_config.yaml" if kind == "tuning" else "inference_config.yaml"
    files = None if text is None else {file: text}
    problems = check(
        edit(data, {f"{kind}.config": "mine"}),
        config_files=lambda namespace, name: files if (namespace, name) == ("team", "mine") else None,
        **changes,
    )
    assert {problem.path for problem in problems} <= {f"{kind}.config"}
    return [problem.reason for problem in problems if problem.severity == "error"]


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        (None, ["NotFound"]),
        ("", []),
        ("vllm:\n", []),
        ("vllm: {max-model-len: 4096, swap-space: 4, enforce-eager: true}", []),
        ("vllm: {max-model-len: 4097}", ["OutOfRange"]),
        ("vllm: {max-model-len: ' 100 '}", []),
        ("vllm: {max-model-len: auto}", ["WrongType"]),
        ("vllm: {max-model-len: 1.5}", ["WrongType"]),
        ("vllm: {max-model-len: -5}", ["Unworkable"]),
        ("vllm: {max-model-len: 0}", ["Unworkable"]),
        ("vllm: {max-model-len: -1}", []),
        ("vllm: [1]", ["WrongType"]),
        ("vllm: {a: {b: 1}}", ["WrongType"]),
        ("- a", ["BadSyntax"]),
        ("vllm: [", ["BadSyntax"]),
        ("vllm:\n\ta: 1", ["BadSyntax"]),
    ],
)
def test_flags_of_vllm(check: Check, text: str | None, reasons: list[str]) -> None:
    assert judge(check, SERVE, text) == reasons


def test_other_runtimes_read_no_such_config(check: Check) -> None:
    hf = edit(SERVE, {"metadata.annotations[kaito.sh/runtime]": "transformers"})
    assert judge(check, hf, None) == []
    assert judge(check, hf, "vllm: [1]") == []


def test_v1alpha1_wants_a_length_for_several_nodes_or_small_gpus(check: Check) -> None:
    old = edit(SERVE, {"apiVersion": "kaito.sh/v1alpha1"})
    assert judge(check, old, "vllm: {}") == []
    assert judge(check, edit(old, {"resource.count": 2}), "vllm: {}") == ["Required"]
    assert judge(check, edit(old, {"resource.instanceType": "Small_T4"}), "vllm: {}") == ["Required"]
    assert judge(check, edit(old, {"resource.count": 2}), "vllm: {max-model-len: 100}") == []


def test_default_configs_are_looked_for_only_where_kaito_keeps_them(check: Check) -> None:
    nothing: dict[str, Any] = {"config_files": lambda _namespace, _name: None}
    assert check(TUNE, **nothing) == ()
    missing = check(TUNE, release_namespace="kaito", **nothing)
    assert [(problem.path, problem.reason) for problem in missing] == [("tuning.config", "NotFound")]
    assert "'qlora-params-template'" in missing[0].message
    old = edit(SERVE, {"apiVersion": "kaito.sh/v1alpha1"})
    assert [problem.path for problem in check(old, release_namespace="kaito", **nothing)] == ["inference.config"]
    assert check(SERVE, release_namespace="kaito", **nothing) == ()


FOUR = "QuantizationConfig: {load_in_4bit: true}"


@pytest.mark.parametrize(
    ("method", "sections", "reasons"),
    [
        ("qlora", f"{{{FOUR}}}", []),
        ("qlora", "{QuantizationConfig: {load_in_8bit: yes}}", []),
        ("qlora", "{}", ["Required"]),
        ("qlora", "{QuantizationConfig: {load_in_4bit: true, load_in_8bit: true}}", ["Conflict"]),
        ("qlora", "{QuantizationConfig: {load_in_4bit: maybe}}", ["WrongType", "Required"]),
        ("qlora", "{QuantizationConfig: {load_in_8bit: 'yes'}}", ["WrongType"]),
        ("lora", '{QuantizationConfig: {"load_in_4bit" : "no"}}', ["WrongType"]),
        ("lora", "\n  QuantizationConfig:\n    load_in_4bit:   'off'", ["WrongType"]),
        ("lora", "\n  QuantizationConfig:\n    load_in_4bit: off", []),
        ("lora", "{QuantizationConfig: {load_in_4bit: }}", []),
        ("lora", "{LoraConfig: {r: 8}}", []),
        ("lora", f"{{{FOUR}}}", ["Conflict"]),
        ("lora", "{QuantizationConfig: [1]}", ["WrongType"]),
        ("lora", "{QuantisationConfig: {}}", ["UnknownField"]),
        ("lora", "[1]", ["WrongType"]),
        ("lora", "", ["WrongType"]),
        ("lora", "{TrainingArguments: {output_dir: results}}", []),
        ("lora", "{TrainingArguments: {output_dir: /mnt/results}}", []),
        ("lora", "{TrainingArguments: {output_dir: ''}}", ["OutOfRange"]),
        ("lora", "{TrainingArguments: {output_dir: ../etc}}", ["OutOfRange"]),
        ("lora", "{TrainingArguments: {output_dir: ../mntfoo}}", ["Unworkable"]),
        ("lora", "{TrainingArguments: {output_dir: 5}}", ["WrongType"]),
        ("lora", "{TrainingArguments: {output_dir: }}", ["WrongType"]),
    ],
)
def test_training_config(check: Check, method: str, sections: str, reasons: list[str]) -> None:
    data = edit(TUNE, {"tuning.method": method})
    assert judge(check, data, f"training_config: {sections}") == reasons


def test_a_config_without_the_file_says_what_it_has(check: Check) -> None:
    problems = check(edit(TUNE, {"tuning.config": "mine"}), config_files=lambda *_: {"other.yaml": ""})
    assert [(problem.path, problem.hint) for problem in problems] == [("tuning.config", "it has other.yaml")]
