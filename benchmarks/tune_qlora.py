"""QLoRA speed and memory: LLMwright's tuner against TRL's SFTTrainer, interleaved, each run in a fresh process.

Same model, data, batch size, number of steps, LoRA rank, quantisation (nf4, double), optimizer and loss on completions
only; both on this machine's device with the same number of threads. TRL runs as its documentation has it, with
gradient checkpointing off (its default would slow it down) unless ``--trl-checkpointing`` is given. The ratios are of
tokens per second, counted the same way on both sides: tokens of rows without padding, over the seconds
from on_train_begin to on_train_end; and of the peak resident memory of the whole process. The ratio of CPU seconds
is told too, which hardly depends on what else the machine does.

    python -m benchmarks.tune_qlora [--rounds 5] [--steps 60] [--batch 8] [--threads 2]

Needs ``pip install trl``.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RANK, ALPHA, RATE = 32, 64, 1e-3


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: tokens without padding per second of training, and peak resident bytes, CPU seconds of training."""

    speed: float
    memory: int
    cpu: float


@dataclass(frozen=True, slots=True)
class Task:
    """What both sides are given."""

    model: Path
    data: Path
    steps: int
    batch: int
    threads: int
    trl_checkpointing: bool


def ours(task: Task) -> Measured:
    """Run our tuner as a target starts it."""
    options = {
        "max_steps": task.steps,
        "per_device_train_batch_size": task.batch,
        "learning_rate": RATE,
        "lora": {"r": RANK, "lora_alpha": ALPHA},
    }
    with tempfile.TemporaryDirectory() as directory:
        given = {"--method": "qlora", "--model": task.model, "--data": task.data, "--output": directory}
        words = [str(word) for pair in given.items() for word in pair]
        run([sys.executable, "-m", "llmwright_tuning_qlora.train", *words, "--options", json.dumps(options)], task)
        record = json.loads(Path(directory, "training.json").read_text())
    return Measured(record["tokens_per_second"], record["peak_rss_bytes"], record["train_cpu_seconds"])


def trl(task: Task) -> Measured:
    """Run TRL in a process of its own."""
    given = {"model": str(task.model), "data": str(task.data), "steps": task.steps, "batch": task.batch}
    text = json.dumps({**given, "checkpointing": task.trl_checkpointing})
    printed = run([sys.executable, __file__, "--trl-worker", text], task)
    result = json.loads(printed.splitlines()[-1])
    return Measured(result["speed"], result["memory"], result["cpu"])


def run(command: list[str], task: Task) -> str:
    """Standard output of ``command``, run with the task's number of threads."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(task.threads), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3000:])
    return done.stdout


def trl_worker(given: dict[str, Any]) -> None:
    """What TRL's side does: SFTTrainer on conversational prompt and completion; prints its figures as JSON."""
    import resource

    import torch
    from datasets import load_dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, TrainerCallback
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    class _Clock(TrainerCallback):
        began = ended = cpu = 0.0

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.began, self.cpu = time.monotonic(), -time.process_time()

        def on_train_end(self, *_: Any, **__: Any) -> None:
            self.ended, self.cpu = time.monotonic(), self.cpu + time.process_time()

    cuda = torch.cuda.is_available()
    dtype = torch.bfloat16 if cuda else torch.float32
    quantization = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
    )
    model = AutoModelForCausalLM.from_pretrained(
        given["model"], quantization_config=quantization, dtype=dtype, device_map={"": 0 if cuda else "cpu"}
    )
    tokenizer = AutoTokenizer.from_pretrained(given["model"])
    rows = load_dataset("parquet", data_files=given["data"], split="train").select_columns(["prompt", "completion"])
    rows = rows.map(_conversation)
    with tempfile.TemporaryDirectory() as directory:
        config = SFTConfig(
            output_dir=directory,
            max_steps=given["steps"],
            per_device_train_batch_size=given["batch"],
            learning_rate=RATE,
            gradient_checkpointing=given["checkpointing"],
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=not cuda,
            bf16=cuda,
        )
        lora = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM")
        trainer = SFTTrainer(model=model, args=config, train_dataset=rows, processing_class=tokenizer, peft_config=lora)
        collate, seen = trainer.data_collator, []

        def counted(features: list[dict[str, Any]]) -> Any:
            seen.append(sum(len(feature["input_ids"]) for feature in features))
            return collate(features)

        trainer.data_collator = counted
        clock = _Clock()
        trainer.add_callback(clock)
        trainer.train()
    # The loader reads one batch ahead; only trained ones count.
    speed = sum(seen[: given["steps"]]) / (clock.ended - clock.began)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"speed": speed, "memory": memory, "cpu": clock.cpu}))


def _conversation(row: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    asked, answer = row["prompt"], row["completion"]
    return {
        "prompt": [{"role": "user", "content": asked}],
        "completion": [{"role": "assistant", "content": answer}],
    }


def told(name: str, ratios: list[float]) -> str:
    """Median and spread of ``ratios`` in one line."""
    return f"{name}: median {statistics.median(ratios):.3f}, from {min(ratios):.3f} to {max(ratios):.3f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=ROOT / "presets/src/llmwright_presets/demo")
    parser.add_argument("--data", type=Path, default=ROOT / "examples/quickstart/questions.parquet")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--trl-checkpointing", action="store_true")
    parser.add_argument("--trl-worker", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.trl_worker:
        trl_worker(given.trl_worker)
        return
    task = Task(given.model, given.data, given.steps, given.batch, given.threads, given.trl_checkpointing)
    pairs = []
    for number in range(given.rounds):
        # Each round starts with the other side, so that neither always runs on a warmer machine.
        sides = [ours, trl] if number % 2 == 0 else [trl, ours]
        found = {side.__name__: side(task) for side in sides}
        pairs.append((found["ours"], found["trl"]))
        mine, theirs = pairs[-1]
        print(
            f"round {number + 1}: ours {mine.speed:.0f} tokens/s, {mine.memory / 2**20:.0f} MiB; "
            f"TRL {theirs.speed:.0f} tokens/s, {theirs.memory / 2**20:.0f} MiB",
            flush=True,
        )
    print(told("tokens/s, ours over TRL", [mine.speed / theirs.speed for mine, theirs in pairs]))
    print(told("CPU seconds of training, ours over TRL", [mine.cpu / theirs.cpu for mine, theirs in pairs]))
    print(told("peak memory, ours over TRL", [mine.memory / theirs.memory for mine, theirs in pairs]))


if __name__ == "__main__":
    main()
