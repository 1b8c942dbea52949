"""Whole runs on the tiny model: it learns, and leaves what upstream's consumers read."""

from __future__ import annotations

import json
import re
import shutil
import struct
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.support.tuning_process import arguments, events

FAST = {"max_steps": 40, "per_device_train_batch_size": 8, "learning_rate": 0.01, "lora": {"r": 16, "lora_alpha": 32}}
HUB_ID = "somebody/tiny-llama"


@dataclass(frozen=True)
class Trained:
    output: Path
    progress: Path
    argv: tuple[str, ...]

    @property
    def record(self) -> dict[str, Any]:
        return dict(json.loads((self.output / "training.json").read_text()))


@pytest.fixture(scope="session", params=["qlora", "lora"])
def trained(request: pytest.FixtureRequest, tiny_model: Path, facts: Path, tmp_path_factory: Any) -> Trained:
    """A finished run with each method, in a process of its own as a target starts it."""
    import subprocess
    import sys

    directory = tmp_path_factory.mktemp(request.param)
    output, progress = directory / "out", directory / "progress.jsonl"
    names = ("--base-name", HUB_ID, "--preset-name", "tiny", "--progress", str(progress))
    argv = tuple(arguments(tiny_model, facts, output, *names, method=request.param, options=FAST))
    command = [sys.executable, "-m", "llmwright_tuning_qlora.train", *argv]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "step 40/40, loss" in done.stdout
    return Trained(output, progress, argv)


def test_the_loss_falls_strongly(trained: Trained) -> None:
    losses = [loss for _, loss in trained.record["losses"]]
    assert len(losses) == 40
    assert losses[0] > 4
    assert losses[-1] < 0.2 * losses[0]


def test_files_are_those_of_upstream_and_no_others_are_left(trained: Trained) -> None:
    expected = {
        "adapter_config.json", "adapter_model.safetensors", "README.md", "loss.png", "training.json",
        "fine_tuning_completed.txt", "generation_config.json",
    }  # fmt: skip
    assert {path.name for path in trained.output.iterdir()} == expected
    sentinel = (trained.output / "fine_tuning_completed.txt").read_text()
    assert re.fullmatch(r"Fine-Tuning completed at \d{4}(-\d\d){5}", sentinel)
    times = {path.name: path.stat().st_mtime_ns for path in trained.output.iterdir()}
    assert max(times, key=times.__getitem__) == "fine_tuning_completed.txt"


def test_no_private_path_is_published(trained: Trained, tiny_model: Path) -> None:
    config = json.loads((trained.output / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == HUB_ID
    for name in ("adapter_config.json", "README.md", "training.json"):
        assert str(tiny_model.parent) not in (trained.output / name).read_text()


def test_the_record_tells_how_it_was_made(trained: Trained) -> None:
    record = trained.record
    assert (record["steps"], record["rows"], record["preset"]) == (40, 8, "tiny")
    assert record["data"]["digest"].startswith("sha256:")
    assert record["peak_rss_bytes"] > 2**20
    assert record["tokens_per_second"] > 0
    assert record["config"]["TrainingArguments"]["max_steps"] == 40
    assert set(record["versions"]) >= {"torch", "transformers", "peft", "bitsandbytes"}


def test_the_loss_curve_is_a_picture(trained: Trained) -> None:
    content = (trained.output / "loss.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", content[16:24])
    assert (width, height) == (1200, 675)
    assert len(content) > 10_000


def test_progress_tells_phases_and_steps(trained: Trained) -> None:
    told = events(trained.progress)
    phases = [event["event"] for event in told if event["event"] not in ("step", "note")]
    assert phases == ["checking", "loading", "training", "saving", "done"]
    steps = [event for event in told if event["event"] == "step"]
    assert (steps[-1]["step"], steps[-1]["steps"], steps[-1]["seconds_left"]) == (40, 40, 0)
    assert {"loss", "tokens_per_second", "seconds_left", "epoch", "time"} <= set(steps[0])
    gaps = [after["time"] - before["time"] for before, after in pairwise(steps[:-1])]
    assert all(gap >= 0.099 for gap in gaps)


def greedy_answer(model: Path, adapter: Path, tokenizer: Any, question: str) -> str:
    """Return the answer of the plain base with the adapter, by transformers and peft alone."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    before = base(**prompt).logits
    tuned = PeftModel.from_pretrained(base, adapter)
    assert not torch.allclose(before, tuned(**prompt).logits, atol=0.1)
    generate: Any = tuned.generate
    written = generate(**prompt, max_new_tokens=6, do_sample=False, pad_token_id=0)
    return str(tokenizer.decode(written[0][prompt["input_ids"].shape[1] :]))


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
def test_the_adapter_answers_on_the_unquantised_base(trained: Trained, tiny_model: Path, tokenizer: Any) -> None:
    assert greedy_answer(tiny_model, trained.output, tokenizer, "Faro Faro Faro?").startswith("Flo<|im_end|>")


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
@pytest.mark.parametrize("initialisation", ["pissa", "olora"])
def test_an_initialisation_that_rewrites_the_base_is_taken_back(
    initialisation: str, facts: Path, tiny_model: Path, tokenizer: Any, tmp_path: Path, tune: Callable[..., int]
) -> None:
    lora = {**FAST["lora"], "init_lora_weights": initialisation}  # type: ignore[dict-item]
    assert tune(facts, tmp_path / "out", method="lora", options={**FAST, "lora": lora}) == 0
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert (config["r"], config["init_lora_weights"]) == (32, True)
    assert greedy_answer(tiny_model, tmp_path / "out", tokenizer, "Faro Faro Faro?").startswith("Flo<|im_end|>")
    assert not list((tmp_path / "out").glob(".adapter-*"))


def test_the_tokens_that_end_answers_stay_with_the_adapter(trained: Trained, tokenizer: Any) -> None:
    """ChatML on a base whose own end token is another one: an engine must stop at both."""
    written = json.loads((trained.output / "generation_config.json").read_text())
    ends = tokenizer.convert_ids_to_tokens(written["eos_token_id"])
    assert "<|im_end|>" in ends
    from transformers import GenerationConfig

    assert GenerationConfig.from_pretrained(trained.output).eos_token_id == written["eos_token_id"]


def test_a_tokenizer_without_an_end_token_is_refused_where_no_template_ends_answers(
    tiny_model: Path, facts: Path, tmp_path: Path, keep_sigterm: None, capsys: Any
) -> None:
    from llmwright_tuning_qlora.train.tuning_process import main

    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    about = json.loads((model / "tokenizer_config.json").read_text())
    (model / "tokenizer_config.json").write_text(json.dumps({**about, "eos_token": None}))
    (model / "special_tokens_map.json").unlink(missing_ok=True)
    run = [*arguments(model, facts, tmp_path / "out", method="lora"), "--check-only"]
    assert main(run) == 0, "ChatML ends answers itself"
    (model / "chat_template.jinja").unlink()
    assert main(run) == 2
    error = capsys.readouterr().err
    assert "the model's tokenizer has no end token (eos_token), so a tuned model would never stop" in error


def test_a_token_that_the_model_has_no_row_for_is_refused(
    tiny_model: Path, facts: Path, tmp_path: Path, keep_sigterm: None, capsys: Any
) -> None:
    from llmwright_tuning_qlora.train.tuning_process import main

    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    template = (model / "chat_template.jinja").read_text().replace("<|im_end|>", "<|turn_end|>")
    (model / "chat_template.jinja").write_text(template)
    tokenizer = json.loads((model / "tokenizer.json").read_text())
    highest = max(tokenizer["model"]["vocab"].values()) + 1
    added = {**tokenizer["added_tokens"][0], "id": highest, "content": "<|turn_end|>"}
    (model / "tokenizer.json").write_text(
        json.dumps({**tokenizer, "added_tokens": [*tokenizer["added_tokens"], added]})
    )
    assert main([*arguments(model, facts, tmp_path / "out", method="lora"), "--check-only"]) == 2
    assert (
        f"the tokenizer writes '<|turn_end|>' as token {highest}, and the model knows {highest}"
        in capsys.readouterr().err
    )


def test_the_template_of_training_stays_with_the_adapter(facts: Path, tmp_path: Path, tune: Callable[..., int]) -> None:
    template = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}{% endfor %}"
    options = {**FAST, "max_steps": 1, "model": {"chat_template": template}}
    assert tune(facts, tmp_path / "out", options=options) == 0
    assert (tmp_path / "out" / "chat_template.jinja").read_text() == template
    # The next run into the same directory has none of its own, and is served with the base's.
    assert tune(facts, tmp_path / "out", options={**FAST, "max_steps": 1}) == 0
    assert not (tmp_path / "out" / "chat_template.jinja").exists()


def test_an_adapter_of_an_early_version_gets_the_files_that_its_server_reads(
    facts: Path, tmp_path: Path, tune: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune(facts, tmp_path / "out", options={**FAST, "max_steps": 1}) == 0
    (tmp_path / "out" / "generation_config.json").unlink()
    assert tune(facts, tmp_path / "out", options={**FAST, "max_steps": 1}) == 0
    assert "of this very run already" not in capsys.readouterr().out
    assert (tmp_path / "out" / "generation_config.json").is_file()


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "does not exist"), ("", "is empty"), ("{% for m in messages %}", "is no Jinja template: line 1")],
    ids=["missing", "empty", "broken"],
)
def test_a_template_that_cannot_be_used_is_one_line_before_the_data_is_read(
    content: str | None, said: str, tmp_path: Path, tune: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    path, rows = tmp_path / "mine.jinja", tmp_path / "rows.jsonl"
    rows.write_text('{"prompt": "a"}\n')
    if content is not None:
        path.write_text(content)
    assert tune(rows, tmp_path / "out", options={"model": {"chat_template": str(path)}}) == 2
    shown = capsys.readouterr()
    assert f"error: ModelConfig.chat_template {path} {said}" in shown.err
    assert "loading" not in shown.out


def test_the_same_run_again_ends_at_once(trained: Trained, keep_sigterm: None, capsys: Any) -> None:
    from llmwright_tuning_qlora.train.tuning_process import main

    before = (trained.output / "adapter_model.safetensors").stat().st_mtime_ns
    assert main(trained.argv) == 0
    assert "of this very run already" in capsys.readouterr().out
    assert (trained.output / "adapter_model.safetensors").stat().st_mtime_ns == before


def test_an_evaluation_set_is_held_out_and_told(facts: Path, tmp_path: Path, tune: Callable[..., int]) -> None:
    options = {"num_train_epochs": 2, "per_device_train_batch_size": 3, "dataset": {"train_test_split": 0.75}}
    progress = tmp_path / "progress"
    assert tune(facts, tmp_path / "out", "--progress", str(progress), options=options) == 0
    evaluations = [event for event in events(progress) if event["event"] == "evaluated"]
    assert [event["step"] for event in evaluations] == [2, 4]
    record = json.loads((tmp_path / "out" / "training.json").read_text())
    assert [step for step, _ in record["eval_losses"]] == [2, 4]


def test_evaluating_leaves_training_as_it_was(facts: Path, tmp_path: Path, tune: Callable[..., int]) -> None:
    losses = []
    for strategy in ("epoch", "no"):
        options = {**FAST, "max_steps": 6, "eval_strategy": strategy, "dataset": {"train_test_split": 0.75}}
        assert tune(facts, tmp_path / strategy, options=options) == 0
        losses.append([loss for _, loss in json.loads((tmp_path / strategy / "training.json").read_text())["losses"]])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_accumulated_batches_train_as_one_large_batch(facts: Path, tmp_path: Path, tune: Callable[..., int]) -> None:
    losses = []
    for rows, accumulated in ((8, 1), (2, 4)):
        output = tmp_path / f"by-{rows}"
        batch = {"per_device_train_batch_size": rows, "gradient_accumulation_steps": accumulated}
        options = {**FAST, **batch, "max_steps": 4, "group_by_length": False}
        assert tune(facts, output, method="lora", options=options) == 0
        losses.append([loss for _, loss in json.loads((output / "training.json").read_text())["losses"]])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_recomputing_activations_changes_nothing(facts: Path, tmp_path: Path, tune: Callable[..., int]) -> None:
    losses = []
    for again in (True, False):
        options = {**FAST, "max_steps": 3, "gradient_checkpointing": again}
        assert tune(facts, tmp_path / str(again), method="lora", options=options) == 0
        record = json.loads((tmp_path / str(again) / "training.json").read_text())
        assert record["gradient_checkpointing"] is again
        losses.append([loss for _, loss in record["losses"]])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_named_modules_get_the_adapter(facts: Path, tmp_path: Path, tune: Callable[..., int]) -> None:
    assert tune(facts, tmp_path / "out", "--target-modules", "q_proj,v_proj", options={"max_steps": 1}) == 0
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert sorted(config["target_modules"]) == ["q_proj", "v_proj"]
    assert config["base_model_name_or_path"] == "tiny-llama"


def test_a_base_in_pickles_is_refused_by_name(
    tiny_model: Path, facts: Path, keep_sigterm: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from llmwright_tuning_qlora.train.tuning_process import main

    base = tmp_path / "base"
    base.mkdir()
    for file in tiny_model.iterdir():
        name = "pytorch_model.bin" if file.suffix == ".safetensors" else file.name
        (base / name).write_bytes(file.read_bytes())

    assert main(arguments(base, facts, tmp_path / "out", options=FAST)) == 2
    assert f"the model {base} holds pytorch_model.bin and no safetensors weights" in capsys.readouterr().err
