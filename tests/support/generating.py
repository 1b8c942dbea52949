"""Answers of the hf engine to one job, without its thread."""

from __future__ import annotations

from llmwright_runtime_hf.serve.engine.batch import Batch
from llmwright_runtime_hf.serve.engine.batch_probe import probe
from llmwright_runtime_hf.serve.engine.interface import Event, Job, JobHandle
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel
from llmwright_runtime_hf.serve.engine.rows import Rows
from llmwright_runtime_hf.serve.engine.scheduler import Scheduler
from llmwright_runtime_hf.serve.engine.single_row import SingleRow
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics


def generate(loaded: LoadedModel, *jobs: Job) -> list[list[Event]]:
    """Return the events of each job; all are generated together where the model can."""
    ability = probe(loaded.model)
    rows: Rows = SingleRow(loaded.model, lambda models: None)
    if ability.rows:
        rows = Batch(loaded.model, ability=ability)
    scheduler = Scheduler(loaded, rows, ServerMetrics(), cache_tokens=loaded.context * len(jobs))
    events: list[list[Event]] = [[] for _ in jobs]
    for job, sink in zip(jobs, events, strict=True):
        scheduler.add(JobHandle(job, sink.append))
    while scheduler.busy:
        scheduler.turn()
    return events
