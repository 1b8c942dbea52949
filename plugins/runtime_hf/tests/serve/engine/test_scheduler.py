"""Many jobs at once: each gets the answer that it would get alone, whatever happens to the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from tests.support.generating import generate
from tests.support.serve_options import options_for
from tests.support.tiny_models import ServedModels

from llmwright_runtime_hf.serve.engine.batch import Batch
from llmwright_runtime_hf.serve.engine.batch_probe import probe, probe_mixing
from llmwright_runtime_hf.serve.engine.interface import Event, Failed, Finished, Job, JobHandle, SamplingParams, Text
from llmwright_runtime_hf.serve.engine.lora_adapters import BASE, LoraAdapters
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel, load_model
from llmwright_runtime_hf.serve.engine.prefix_cache import PrefixCache
from llmwright_runtime_hf.serve.engine.rows import Row, Token
from llmwright_runtime_hf.serve.engine.scheduler import Scheduler
from llmwright_runtime_hf.serve.serve_options import AdapterSpec
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

JOBS = [Job("base", tuple(range(3, 3 + length)), 12) for length in (5, 30, 2, 17, 9)]


@pytest.fixture(scope="module")
def loaded(models: ServedModels) -> LoadedModel:
    return load_model(options_for(models.base))


@pytest.fixture(scope="module")
def alone(loaded: LoadedModel) -> list[str]:
    return [text_of(generate(loaded, job)[0]) for job in JOBS]


class Served:
    """A scheduler, its jobs and their events."""

    def __init__(
        self,
        loaded: LoadedModel,
        jobs: Sequence[Job],
        *,
        most: int = 64,
        cache_tokens: int = 1000,
        turn_tokens: int = 512,
        prefixes: PrefixCache | None = None,
    ) -> None:
        self.batch = Batch(loaded.model, ability=probe(loaded.model), most=most, prefixes=prefixes)
        self.metrics = ServerMetrics()
        self.scheduler = Scheduler(loaded, self.batch, self.metrics, cache_tokens=cache_tokens, turn_tokens=turn_tokens)
        self.events: list[list[Event]] = [[] for _ in jobs]
        self.handles = [JobHandle(job, sink.append) for job, sink in zip(jobs, self.events, strict=True)]
        for handle in self.handles:
            self.metrics.waiting.inc()
            self.scheduler.add(handle)

    def finish(self) -> list[str]:
        while self.scheduler.busy:
            self.scheduler.turn()
        assert not self.batch.rows
        return [text_of(events) for events in self.events]

    def metric(self, name: str) -> str:
        lines = self.metrics.exposition().decode().splitlines()
        return next(line for line in lines if line.startswith(name)).split()[-1]


def text_of(events: Sequence[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))


@pytest.mark.parametrize("most", [1, 2, 64])
def test_each_is_answered_as_alone(loaded: LoadedModel, alone: list[str], most: int) -> None:
    served = Served(loaded, JOBS, most=most)
    served.scheduler.turn()
    assert len(served.batch.rows) == min(most, len(JOBS))
    assert served.metric("llmwright_requests_waiting") == f"{float(max(len(JOBS) - most, 0))}"
    assert served.finish() == alone
    assert all(isinstance(events[-1], Finished) for events in served.events)


def test_rows_that_do_not_fit_are_put_back_and_go_on(loaded: LoadedModel, alone: list[str]) -> None:
    served = Served(loaded, JOBS, cache_tokens=70)
    counts = set()
    while served.scheduler.busy:
        served.scheduler.turn()
        counts.add(len(served.batch.rows))
        assert sum(row.read for row in served.batch.rows) <= 70
    assert max(counts) > 1
    assert served.finish() == alone


def test_a_client_that_leaves_frees_its_place_at_once(loaded: LoadedModel, alone: list[str]) -> None:
    served = Served(loaded, JOBS, most=2)
    served.scheduler.turn()
    served.handles[0].cancel()
    served.handles[3].cancel()
    served.scheduler.turn()
    assert [row.tokens[: len(JOBS[index].prompt)] for row, index in zip(served.batch.rows, (1, 2), strict=True)] == [
        list(JOBS[index].prompt) for index in (1, 2)
    ]
    assert served.metric('llmwright_answers_total{finished_reason="abort"') == "2.0"
    texts = served.finish()
    assert [texts[index] for index in (1, 2, 4)] == [alone[index] for index in (1, 2, 4)]
    assert not served.events[3]


def test_an_answer_that_is_late_ends_and_the_others_go_on(loaded: LoadedModel, alone: list[str]) -> None:
    """One under way, and one that waits."""
    served = Served(loaded, JOBS, most=4)
    served.scheduler.turn()
    for index in (1, 4):
        served.handles[index].deadline = 0.0
    texts = served.finish()
    for index in (1, 4):
        assert isinstance(failed := served.events[index][-1], Failed)
        assert failed.status == 408
    assert served.events[4] == [failed]
    assert [texts[index] for index in (0, 2, 3)] == [alone[index] for index in (0, 2, 3)]


def test_a_long_prompt_does_not_stall_the_others(loaded: LoadedModel, alone: list[str]) -> None:
    """Each turn gives a token to those that run, and short prompts do not wait for the long one."""
    long = Job("base", tuple(range(3, 100)), 4)
    jobs = [JOBS[0], long, JOBS[2]]
    served = Served(loaded, jobs, turn_tokens=18)
    turns = 0
    while not any(served.events[1]):
        running = len(served.batch.rows)
        before = sum(len(row.tokens) for row in served.batch.rows)
        served.scheduler.turn()
        turns += 1
        assert sum(len(row.tokens) for row in served.batch.rows[:running]) >= before + running or turns > 11
    assert turns >= 6
    assert any(isinstance(event, Text) for event in served.events[0])
    texts = served.finish()
    assert [texts[0], texts[2]] == [alone[0], alone[2]]
    assert texts[1] == text_of(generate(loaded, long)[0])


def test_a_beginning_that_many_share_is_read_once(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    system = tuple(range(3, 60))
    jobs = [Job("base", (*system, *end), 6) for end in ((70,), (71, 72), (73, 74, 75), (70,), (70, 80))]
    served = Served(loaded, jobs, prefixes=PrefixCache(2**20))
    read = list[int]()
    inner = served.batch.read

    def counted(row: Row, most: int) -> Token | None:
        read.append(row.unread)
        return inner(row, most)

    monkeypatch.setattr(served.batch, "read", counted)
    assert served.finish() == [text_of(generate(loaded, job)[0]) for job in jobs]
    assert read[0] == 58
    assert max(read[1:]) <= 3


def test_rules_that_leave_no_token_end_their_own_request(loaded: LoadedModel, alone: list[str]) -> None:
    strict = replace(JOBS[2], sampling=SamplingParams(allowed=(70,), no_repeat_ngram=1))
    served = Served(loaded, [*JOBS[:2], strict, *JOBS[3:]])
    texts = served.finish()
    assert [*texts[:2], *texts[3:]] == [*alone[:2], *alone[3:]]
    failed = served.events[2][-1]
    assert isinstance(failed, Failed)
    assert failed.status == 400
    assert served.metric('llmwright_answers_total{finished_reason="error"') == "1.0"


def test_ends_that_are_every_token_end_their_own_request(loaded: LoadedModel, alone: list[str]) -> None:
    """A random token of none: torch raises an error, and that of one row must not end the others."""
    every = frozenset(range(loaded.vocabulary))
    endless = replace(JOBS[2], end_tokens=every, min_tokens=2, sampling=SamplingParams(temperature=1.0))
    served = Served(loaded, [*JOBS[:2], endless])
    assert served.finish()[:2] == alone[:2]
    assert isinstance(failed := served.events[2][-1], Failed)
    assert failed.status == 400


def test_nothing_is_kept_of_a_pass_that_failed(loaded: LoadedModel) -> None:
    """Its cache has another length in each layer, and whoever asks on would go on from it."""
    prefixes = PrefixCache(2**20)
    served = Served(loaded, [replace(JOBS[1], max_tokens=60)], prefixes=prefixes)
    for _ in range(40):
        served.scheduler.turn()
    (row,) = served.batch.rows

    def fail(*_: object) -> None:
        raise RuntimeError("out of memory")

    hook = loaded.model.get_submodule("model.layers.1").register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        served.scheduler.turn()
    served.scheduler.fail_all(Failed("internal error"))
    hook.remove()
    assert not served.batch.rows

    on = replace(JOBS[1], prompt=(*row.tokens, 70, 71))
    assert Served(loaded, [on], prefixes=prefixes).finish() == [text_of(generate(loaded, on)[0])]


def test_a_seed_gives_the_same_whoever_else_is_there(loaded: LoadedModel) -> None:
    drawn = replace(JOBS[1], sampling=SamplingParams(temperature=1.5, seed=7, repetition_penalty=1.2))
    assert text_of(generate(loaded, JOBS[0], drawn, JOBS[3])[1]) == text_of(generate(loaded, drawn)[0])


def test_the_end_is_told_to_everybody(loaded: LoadedModel) -> None:
    served = Served(loaded, JOBS, most=2)
    served.scheduler.turn()
    served.scheduler.fail_all(Failed("the end", status=503))
    assert not served.scheduler.busy
    assert [events[-1] for events in served.events] == [Failed("the end", status=503)] * len(JOBS)
    assert served.metric("llmwright_requests_waiting") == served.metric("llmwright_requests_running") == "0.0"
    assert served.metric('llmwright_answers_total{finished_reason="error"') == f"{float(len(JOBS))}"


def test_the_metrics_tell_how_full_the_cache_is_and_which_adapters_are_asked(loaded: LoadedModel) -> None:
    served = Served(loaded, [JOBS[0], replace(JOBS[2], model="facts"), replace(JOBS[4], model="rhymes")], most=2)
    served.metrics.begin(["base", "facts", "rhymes"])
    served.metrics.adapters.serve(2)
    served.scheduler.turn()
    held = 2 * max(len(row.tokens) for row in served.batch.rows)  # the shorter one is padded
    assert served.metric("vllm:kv_cache_usage_perc") == f"{held / 1000}"
    shown = 'max_lora="2",model_name="base",running_lora_adapters="facts",waiting_lora_adapters="rhymes"'
    assert float(served.metric(f"vllm:lora_requests_info{{{shown}}}")) > 0
    served.finish()
    assert served.metric("vllm:kv_cache_usage_perc") == "0.0"
    idle = 'max_lora="2",model_name="base",running_lora_adapters="",waiting_lora_adapters=""'
    assert float(served.metric(f"vllm:lora_requests_info{{{idle}}}")) > 0
    tokens = float(served.metric('vllm:generation_tokens_total{model_name="base"}'))
    assert float(served.metric('vllm:inter_token_latency_seconds_count{model_name="base"}')) == tokens - 1
    assert served.metric('vllm:request_time_per_output_token_seconds_count{model_name="base"}') == "1.0"


def test_adapters_and_the_base_share_a_pass(models: ServedModels) -> None:
    model = load_model(options_for(models.base))
    adapters = LoraAdapters(model.model)
    specs = (AdapterSpec("facts", models.facts), AdapterSpec("rhymes", models.rhymes))
    keys = {"base": BASE, **{spec.name: adapters.add(adapters.read(spec)) for spec in specs}}
    assert probe_mixing(model.model, adapters.select, [*keys.values()])
    jobs = [replace(JOBS[index], model=name) for index, name in enumerate(("facts", "base", "rhymes", "facts"))]

    def answers(together: Sequence[Job]) -> list[str]:
        batch = Batch(model.model, adapters.select, ability=probe(model.model))
        scheduler = Scheduler(model, batch, ServerMetrics(), cache_tokens=1000)
        events: list[list[Event]] = [[] for _ in together]
        for job, sink in zip(together, events, strict=True):
            handle = JobHandle(job, sink.append)
            handle.variant = keys[job.model]
            scheduler.add(handle)
        while scheduler.busy:
            scheduler.turn()
        return [text_of(each) for each in events]

    assert answers(jobs) == [answers([job])[0] for job in jobs]
    assert len(set(answers([replace(JOBS[0], model=name) for name in ("base", "facts", "rhymes")]))) == 3


@pytest.mark.parametrize(
    "sampling", [SamplingParams(), SamplingParams(temperature=1.0, seed=1)], ids=["greedy", "sampled"]
)
@pytest.mark.parametrize("most", [1, 64])
def test_scores_that_are_no_numbers_end_one_answer_alone(
    models: ServedModels, alone: list[str], sampling: SamplingParams, most: int
) -> None:
    """As an overflow of float16 leaves them, or a broken weight: here that of one token."""
    broken = load_model(options_for(models.base))
    token = 290
    with torch.no_grad():
        broken.model.get_parameter("model.embed_tokens.weight")[token] = float("nan")
    wrong = Job("base", (5, 6, token, 7), 12, sampling=sampling)
    served = Served(broken, [*JOBS[:2], wrong, *JOBS[2:]], most=most)
    texts = served.finish()

    assert [*texts[:2], *texts[3:]] == alone
    assert served.events[2] == [Failed("the model's scores for the next token are no numbers", status=500)]
