"""One run from the data set to the sentinel."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

from llmwright_tuning_qlora.train.fingerprint import Prepared, fingerprint, prepare
from llmwright_tuning_qlora.train.loop.checkpoint_store import Checkpoint, CheckpointStore
from llmwright_tuning_qlora.train.progress_reporter import Reporter
from llmwright_tuning_qlora.train.results.results_directory import Results
from llmwright_tuning_qlora.train.termination import Stop
from llmwright_tuning_qlora.train.tuning_options import Options


@dataclass(frozen=True, slots=True)
class Start:
    """Where training starts: at a checkpoint, or with None at the beginning; ``message`` says why."""

    checkpoint: Checkpoint | None
    message: str = ""


def run(options: Options, told: Reporter, stop: Stop) -> None:
    """Check, train, save; or what is left of it.

    Raises:
        LLMwrightError: see each step.
        SystemExit: SIGTERM came; the code is 143.
    """
    told.tell("checking", data=str(options.data))
    prepared = prepare(options)
    for note in (*options.config.notes, *prepared.checked.notes):
        told.tell("note", message=note)
    told.tell("note", message=f"{prepared.data_name}: {prepared.checked.summary}")
    if options.check_only:
        told.tell("done", message="the data set can be used")
        return
    mark = fingerprint(options, prepared)
    if Results(options.output).complete(mark):
        told.tell("done", message=f"the adapter in {options.output} is of this very run already")
        return
    _train(options, prepared, mark, told, stop)


def _train(options: Options, prepared: Prepared, mark: str, told: Reporter, stop: Stop) -> None:
    results = Results(options.output)
    store = CheckpointStore(results.checkpoints, mark, options.config.training.save_total_limit)
    if os.environ.get("RANK", "0") == "0":
        results.reopen()
        for broken in store.clean():
            told.tell("note", message=f"{broken.name} is not whole: removed.")
    start = decide_start(store.newest(), mark, wanted=options.config.training.resume)
    if start.message:
        told.tell("note", message=start.message)
    if start.checkpoint is None:
        store.remove_all()
    told.tell("loading", model=options.base_name or options.preset_name or options.model)
    # On import bitsandbytes warns of a kernel package that it can do without.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    from llmwright_tuning_qlora.train.loop.adapter_training import tune

    tune(options, prepared, store, start.checkpoint, told, stop)


def decide_start(found: Checkpoint | None, mark: str, *, wanted: bool) -> Start:
    """Whether to go on from the checkpoint ``found``."""
    if found is None:
        return Start(None)
    if not wanted:
        return Start(None, "Starting anew: resume is off.")
    if found.fingerprint != mark:
        return Start(None, "Starting anew: the checkpoints are of other data, another model or another configuration.")
    return Start(found)
