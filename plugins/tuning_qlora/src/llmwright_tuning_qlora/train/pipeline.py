"""One run, from the data set to the finished adapter: check, choose where to start, train, write."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, replace

from llmwright.artifacts.hub_snapshot import fetch_before_loading
from llmwright.plugins.large_imports import collector_paused
from llmwright.plugins.progress_server import ProgressServer
from llmwright_tuning_qlora.train.fingerprint import run_fingerprint
from llmwright_tuning_qlora.train.loop.checkpoint_store import Checkpoint, CheckpointStore
from llmwright_tuning_qlora.train.prepared_data import PreparedData, prepare_data
from llmwright_tuning_qlora.train.progress_reporter import ProgressReporter
from llmwright_tuning_qlora.train.results.results_directory import ResultsDirectory
from llmwright_tuning_qlora.train.termination import Termination
from llmwright_tuning_qlora.train.tuning_options import TuningOptions


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """The checkpoint to start from, None for the beginning. ``message`` explains why, if that is a surprise."""

    checkpoint: Checkpoint | None
    message: str = ""


def run_pipeline(options: TuningOptions, progress: ProgressReporter, termination: Termination) -> None:
    """Check, train and save. A run that was cut off continues; one that has finished is left as it is.

    Raises:
        LLMwrightError: a step failed.
        SystemExit: SIGTERM came; the code is 143.
    """
    options = fetched(options, progress.server)
    progress.emit("checking", data=str(options.data))
    prepared = prepare_data(options)
    for note in (*options.config.notes, *prepared.dataset.notes):
        progress.emit("note", message=note)
    progress.emit("note", message=f"{prepared.data_name}: {prepared.dataset.summary}")
    if options.check_only:
        progress.emit("done", message="the data set can be used")
        return
    fingerprint = run_fingerprint(options, prepared)
    template = bool(options.config.model.chat_template)
    if ResultsDirectory(options.output).is_complete(fingerprint, template=template):
        progress.emit("done", message=f"the adapter in {options.output} is of this very run already")
        return
    _train(options, prepared, fingerprint, progress, termination)


def fetched(options: TuningOptions, server: ProgressServer | None = None) -> TuningOptions:
    """Bring a model of the hub, and return the options that load it from its directory, as servers load it.

    By its id the libraries ask the hub for files that it need not have, also where another process with the token or
    the network brought the model. A model's own code is loaded by the id alone. A check of the data needs no weights.

    Raises what ``fetch_before_loading`` raises.
    """
    section = options.config.model
    if options.check_only or section.local_files_only:
        return options
    directory = fetch_before_loading(options.model, options.revision, section.cache_dir, server)
    return options if directory is None or section.trust_remote_code else replace(options, directory=directory)


def _train(
    options: TuningOptions,
    prepared: PreparedData,
    fingerprint: str,
    progress: ProgressReporter,
    termination: Termination,
) -> None:
    results = ResultsDirectory(options.output)
    checkpoints = CheckpointStore(results.checkpoints, fingerprint, options.config.training.save_total_limit)
    # Only the first rank cleans up: two ranks would remove the same files under each other.
    if os.environ.get("RANK", "0") == "0":
        results.reopen()
        for checkpoint in checkpoints.remove_incomplete():
            progress.emit("note", message=f"{checkpoint.name} is not whole: removed.")
    start = choose_start(checkpoints.newest(), fingerprint, resume=options.config.training.resume)
    if start.message:
        progress.emit("note", message=start.message)
    if start.checkpoint is None:
        checkpoints.remove_all()
    progress.emit("loading", model=options.base_name or options.preset_name or options.model)
    # On import bitsandbytes warns of a kernel package that it can do without.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    with collector_paused():
        from llmwright_tuning_qlora.train.loop.adapter_training import train_adapter

    train_adapter(options, prepared, checkpoints, start.checkpoint, progress, termination)


def choose_start(newest: Checkpoint | None, fingerprint: str, *, resume: bool) -> StartingPoint:
    """Return where the run with ``fingerprint`` starts, given the ``newest`` checkpoint."""
    if newest is None:
        return StartingPoint(None)
    if not resume:
        return StartingPoint(None, "Starting anew: resume is off.")
    if newest.fingerprint != fingerprint:
        message = "Starting anew: the checkpoints are of other data, another model or another configuration."
        return StartingPoint(None, message)
    return StartingPoint(newest)
