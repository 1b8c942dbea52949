"""The user's mistakes: one clear line, exit code 2, nothing half done."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.tuning_process import arguments

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.train.tuning_options import parse_options
from llmwright_tuning_qlora.train.tuning_process import main


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--options", "{"], "the text of --options is no JSON"),
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
    assert f"the model {bare} holds no safetensors weights" in capsys.readouterr().err.splitlines()[-1]


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


def test_a_config_that_asks_for_remote_code_needs_the_flag_too(tmp_path: Path) -> None:
    """The file may have changed since it was checked; the flag is of the plan."""
    config = tmp_path / "training_config.yaml"
    config.write_text("training_config: {ModelConfig: {trust_remote_code: true}}")
    argv = arguments(tmp_path, tmp_path, tmp_path, "--config", str(config), method="lora")

    with pytest.raises(ConfigError, match=r"ModelConfig\.trust_remote_code is on, and nothing allows code") as error:
        parse_options(argv)
    assert "sources.remoteCode" in error.value.hint
    assert parse_options([*argv, "--trust-remote-code"]).config.model.trust_remote_code
    assert parse_options(arguments(tmp_path, tmp_path, tmp_path, "--trust-remote-code")).config.model.trust_remote_code
    assert not parse_options(arguments(tmp_path, tmp_path, tmp_path)).config.model.trust_remote_code
