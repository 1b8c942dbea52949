"""The user's mistakes and the machine's: one clear line, the right exit code, nothing half done."""

from __future__ import annotations

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.tuning_process import arguments

from llmwright.errors import ConfigError, TargetError
from llmwright_tuning_qlora.train.data.token_rows import TokenRow
from llmwright_tuning_qlora.train.exception_mapping import explain
from llmwright_tuning_qlora.train.loop.collator import Collator, answer_loss, predicting
from llmwright_tuning_qlora.train.model.activation_memory import Shape, activation_bytes, recompute
from llmwright_tuning_qlora.train.model.device import Device, compute_dtype
from llmwright_tuning_qlora.train.tuning_process import main


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--options", "{"], "--options is not JSON"),
        (["--options", '{"max_stepz": 1}'], "did you mean 'max_steps'?"),
        (["--options", '{"quantization": {"load_in_4bit": false}}'], "'load_in_4bit' or 'load_in_8bit' must be true"),
        (["--config", "/nowhere/training_config.yaml"], "cannot read the config"),
        (["--bogus"], "unrecognized arguments: --bogus"),
        (["--data", "/nowhere/data.json"], "/nowhere/data.json does not exist"),
        (["--model", "/nowhere/model"], "the model /nowhere/model does not exist"),
        (["--progress", "/dev/null/progress"], "error: "),
    ],
)
def test_a_mistake_is_one_line_and_2(
    more: list[str],
    said: str,
    facts: Path,
    tmp_path: Path,
    tiny_model: Path,
    keep_sigterm: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    argv = [*arguments(tiny_model, facts, tmp_path / "out"), *more]
    code = main(argv)
    last = capsys.readouterr().err.splitlines()[-1]
    assert code == 2
    assert last.startswith("error: ")
    assert said in last
    assert not (tmp_path / "out").exists()


def test_a_directory_without_a_model_is_told(
    facts: Path, tmp_path: Path, keep_sigterm: None, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(arguments(empty, facts, tmp_path / "out")) == 2
    assert "has no config.json" in capsys.readouterr().err


def test_weights_that_are_not_there_are_told(
    tiny_model: Path, facts: Path, tmp_path: Path, keep_sigterm: None, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    for path in tiny_model.iterdir():
        if path.suffix != ".safetensors":
            (bare / path.name).write_bytes(path.read_bytes())
    assert main(arguments(bare, facts, tmp_path / "out")) == 2
    assert f"cannot load the model {bare}" in capsys.readouterr().err.splitlines()[-1]


def test_modules_that_the_model_lacks_are_told(
    facts: Path, tmp_path: Path, tune: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune(facts, tmp_path / "out", "--target-modules", "query_key_value") == 2
    assert "no adapter fits on the model" in capsys.readouterr().err.splitlines()[-1]


def test_missing_bitsandbytes_is_told_with_the_pip_line(tiny_model: Path, facts: Path, tmp_path: Path) -> None:
    argv = list(arguments(tiny_model, facts, tmp_path / "out"))
    code = (
        "import sys, importlib.abc\n"
        "class Hide(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'bitsandbytes': raise ModuleNotFoundError('hidden', name='bitsandbytes')\n"
        "sys.meta_path.insert(0, Hide())\n"
        f"from llmwright_tuning_qlora.train.tuning_process import main\nsys.exit(main({argv!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert "bitsandbytes" in last
    assert "pip install 'llmwright-tuning-qlora[train]'" in last


def test_a_full_disk_is_told_apart() -> None:
    with pytest.raises(OSError, match="No space left") as caught, Path("/dev/full").open("w") as stream:
        stream.write("x" * 100_000)
    assert caught.value.errno == errno.ENOSPC
    known = explain(caught.value, "/data/out")
    assert isinstance(known, ConfigError)
    assert (known.reason, known.exit_code) == ("NoDiskSpace", 2)
    assert "/data/out" in known.message
    wrapped = RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")
    told = explain(wrapped, "/data/out")
    assert told is not None
    assert told.reason == "NoDiskSpace"


def test_memory_that_does_not_suffice_is_told() -> None:
    told = explain(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "out")
    assert isinstance(told, TargetError)
    assert (told.reason, told.exit_code) == ("OutOfMemory", 1)
    assert explain(ZeroDivisionError("a bug"), "out") is None


def test_a_loss_that_is_no_number_ends_the_run(
    facts: Path, tmp_path: Path, tune: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"learning_rate": 1e30, "max_grad_norm": 0, "max_steps": 30, "optim": "sgd"}
    assert tune(facts, tmp_path / "out", method="lora", options=options) == 1
    assert "the loss is not a number at step" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out" / "fine_tuning_completed.txt").exists()


@pytest.mark.parametrize(
    ("capability", "wanted", "number"),
    [
        (None, "bfloat16", "float32"),
        (None, "float16", "float32"),
        ((9, 0), "bfloat16", "bfloat16"),
        ((8, 0), "auto", "bfloat16"),
        ((7, 5), "bfloat16", "float16"),
        ((9, 0), "float32", "float32"),
        ((9, 0), "float16", "float16"),
    ],
)
def test_numbers_are_those_that_the_device_is_fast_at(
    capability: tuple[int, int] | None, wanted: str, number: str
) -> None:
    assert compute_dtype(Device("x", 0, capability), wanted) == number


def test_activations_are_recomputed_where_memory_needs_it() -> None:
    eight_billion = Shape(layers=32, hidden=4096, inner=14336, heads=32, vocabulary=128256)
    small = activation_bytes(eight_billion, 1, 128, 2)
    large = activation_bytes(eight_billion, 8, 4096, 2)
    assert large == 256 * small
    assert not recompute(small, 10 * 2**30)
    assert recompute(large, 80 * 2**30)


def test_the_loss_is_the_mean_over_the_tokens_learned() -> None:
    import torch

    rows = [TokenRow([5, 6, 7], [0, 0, 1]), TokenRow([5, 6, 7, 8, 9], [0, 1, 0, 0, 1])]
    batch = Collator(0)(rows)
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1] * 5]
    assert batch["logits_to_keep"].tolist() == predicting(batch["labels"]).tolist() == [0, 1, 3]
    torch.manual_seed(0)
    logits = torch.randn(2, 5, 12)
    log_probabilities = logits.log_softmax(-1)
    expected = -(log_probabilities[0, 1, 7] + log_probabilities[1, 0, 6] + log_probabilities[1, 3, 9]) / 3
    kept = batch["logits_to_keep"]
    assert torch.isclose(answer_loss(logits[:, kept], batch["labels"], kept, None, 0.0), expected)
    assert torch.isclose(answer_loss(logits, batch["labels"], None, 6, 0.0), expected / 2)
    assert json.dumps(batch["labels"].tolist()).count("-100") == 7
