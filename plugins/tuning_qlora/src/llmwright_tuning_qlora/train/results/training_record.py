"""``training.json``: how an adapter was made."""

from __future__ import annotations

import json
import math
import resource
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from llmwright_tuning_qlora.train.model.metadata import public_name
from llmwright_tuning_qlora.train.prepared_data import PreparedData
from llmwright_tuning_qlora.train.results.loss_curve import LossCurve
from llmwright_tuning_qlora.train.tuning_options import TuningOptions

if TYPE_CHECKING:
    from llmwright_tuning_qlora.train.loop.training_context import Throughput

RECORD = "training.json"
VERSIONS = ("llmwright-tuning-qlora", "torch", "transformers", "peft", "accelerate", "bitsandbytes")


def training_record(
    options: TuningOptions,
    prepared: PreparedData,
    *,
    fingerprint: str,
    history: Sequence[dict[str, Any]],
    steps: int,
    throughput: Throughput,
    recompute: bool,
) -> dict[str, Any]:
    """Return the record of a run that trained ``steps`` steps. ``history`` is the log of transformers' Trainer."""
    curve = loss_curve(history)
    return {
        "method": options.method,
        "preset": options.preset_name,
        "base_model": public_name(options.model, options.base_name, options.preset_name),
        "revision": options.revision,
        "config": options.config.model_dump(by_alias=True, mode="json"),
        "fingerprint": fingerprint,
        "data": {"name": prepared.data_name, "digest": prepared.data_digest},
        "rows": prepared.dataset.summary.rows,
        "longest_row_tokens": prepared.dataset.summary.longest,
        "steps": steps,
        "final_loss": curve.training[-1][1] if curve.training else math.nan,
        "eval_loss": curve.evaluation[-1][1] if curve.evaluation else None,
        "losses": [list(point) for point in curve.training],
        "eval_losses": [list(point) for point in curve.evaluation],
        "tokens_per_second": round(throughput.tokens_per_second, 1),
        "train_seconds": round(throughput.seconds, 3),
        "train_cpu_seconds": round(throughput.cpu, 3),
        "peak_rss_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "versions": {name: version(name) for name in VERSIONS},
        "gradient_checkpointing": recompute,
    }


def record_json(record: dict[str, Any]) -> str:
    """Return the text of ``training.json``."""
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def loss_curve(history: Sequence[dict[str, Any]]) -> LossCurve:
    """Return the losses in the log of transformers' Trainer."""
    training = tuple((int(entry["step"]), entry["loss"]) for entry in history if "loss" in entry)
    evaluation = tuple((int(entry["step"]), entry["eval_loss"]) for entry in history if "eval_loss" in entry)
    return LossCurve(training, evaluation)
