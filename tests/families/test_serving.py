"""Each family is served: the engine's greedy answers are those of transformers' own ``generate``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from tests.support.model_families import FAMILIES, SavedFamily
from tests.support.serve_options import options_for

from llmwright_runtime_hf.serve.engine import onednn_linear
from llmwright_runtime_hf.serve.engine.batch import Batch
from llmwright_runtime_hf.serve.engine.batch_probe import probe
from llmwright_runtime_hf.serve.engine.decode_loop import Decoder
from llmwright_runtime_hf.serve.engine.interface import SamplingParams
from llmwright_runtime_hf.serve.engine.model_loading import load_model
from llmwright_runtime_hf.serve.engine.prefix_cache import PrefixCache
from llmwright_runtime_hf.serve.engine.rows import Row
from llmwright_runtime_hf.serve.engine.sampling import Sampler

PROMPTS = [list(range(5, 45)), list(range(90, 60, -2))]
"""The first is longer than every window and chunk of these models, the second shorter."""


@pytest.mark.parametrize("family", FAMILIES)
def test_the_engine_answers_as_generate_does(family: str, saved: Callable[[str], SavedFamily]) -> None:
    made = saved(family)
    expected = [made.greedy(prompt, 24) for prompt in PROMPTS]
    assert len({*expected[0], *expected[1]}) > 1, "answers of one token would be equal by chance"

    model = load_model(options_for(made.directory, max_model_len=128)).model

    def decoder(prompt: Sequence[int]) -> Decoder:
        return Decoder(model, prompt, Sampler(SamplingParams(), model.device))

    # An answer that is given up leaves nothing behind: some models keep their state in their modules.
    given_up = decoder(PROMPTS[1])
    [given_up.step() for _ in range(3)]
    answers = []
    for prompt in PROMPTS:
        steps = decoder(prompt)
        answers.append([steps.step() for _ in range(24)])
    assert answers == expected


ALONE = {"deepseek_v4", "recurrent_gemma", "rwkv"}
"""Families whose caches are no rows: compressed ones, and states that lie in the model's modules or in a list."""


@pytest.fixture(params=["torch", "oneDNN"])
def products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who multiplies: these layers are too small for oneDNN to be faster."""
    monkeypatch.setattr(onednn_linear, "LEAST_PRODUCTS", 0)
    monkeypatch.setattr(onednn_linear, "FASTER", 0 if request.param == "oneDNN" else float("inf"))


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("family", FAMILIES)
def test_an_answer_does_not_depend_on_who_else_is_in_the_batch(
    family: str, saved: Callable[[str], SavedFamily]
) -> None:
    made = saved(family)
    model = load_model(options_for(made.directory, max_model_len=128)).model
    ability = probe(model)
    assert ability.rows == (family not in ALONE)
    if not ability.rows:
        return
    prompts = [*PROMPTS, [7, 9, 11], list(range(100, 30, -1))]
    batch = Batch(model, ability=ability, prefixes=PrefixCache(2**20))
    rows = [Row("base", prompt, Sampler(SamplingParams(), model.device)) for prompt in prompts]
    # Rows come and go: the longest comes last, and goes with the first.
    for joining, leaving, steps in (([0], [], 2), ([1, 2], [], 3), ([3], [0, 3], 5), ([], [], 9)):
        for row in (rows[index] for index in joining):
            while batch.read(row, 6) is None:
                pass
        batch.join([rows[index] for index in joining])
        [batch.step() for _ in range(steps)]
        batch.leave([rows[index] for index in leaving])
    answers = [row.tokens[len(prompt) :] for row, prompt in zip(rows, prompts, strict=True)]
    assert [len(answer) for answer in answers] == [11, 18, 18, 6]
    assert answers == [made.greedy(prompt, len(answer)) for prompt, answer in zip(prompts, answers, strict=True)]
    batch.leave(rows[1:3])
    if ability.prefixes:
        go_on_from_what_is_known(batch, made, [rows[1].tokens, rows[0].tokens[:30], prompts[3]])
    if ability.together:
        read_together(batch, made, PROMPTS)


def go_on_from_what_is_known(batch: Batch, made: SavedFamily, beginnings: Sequence[Sequence[int]]) -> None:
    """A conversation, a prompt that parts from an earlier one in its middle, and the same prompt again."""
    for tokens, known in zip(
        ([*beginnings[0], 7, 8], [*beginnings[1], 9, 9], beginnings[2]), (32, 30, 69), strict=True
    ):
        row = Row("base", tokens, Sampler(SamplingParams(), batch.device))
        batch.recall(row)
        assert row.read == known
        batch.read(row, 512)
        batch.join([row])
        [batch.step() for _ in range(7)]
        batch.leave([row])
        assert row.tokens[len(tokens) :] == made.greedy(list(tokens), 8)


def read_together(batch: Batch, made: SavedFamily, prompts: Sequence[Sequence[int]]) -> None:
    rows = [Row("other", prompt, Sampler(SamplingParams(), batch.device)) for prompt in prompts]
    batch.read_together(rows)
    batch.join(rows)
    [batch.step() for _ in range(7)]
    assert [row.tokens[len(prompt) :] for row, prompt in zip(rows, prompts, strict=True)] == [
        made.greedy(list(prompt), 8) for prompt in prompts
    ]


def test_a_model_without_a_cache_is_named_in_the_log(
    saved: Callable[[str], SavedFamily], caplog: pytest.LogCaptureFixture
) -> None:
    from llmwright_runtime_hf.serve.engine.answer import warm_up

    warm_up(load_model(options_for(saved("recurrent_gemma").directory, max_model_len=128)), "base")
    assert "RecurrentGemmaForCausalLM keeps no cache: each token reads the whole text again" in caplog.text
    caplog.clear()
    warm_up(load_model(options_for(saved("llama").directory, max_model_len=128)), "base")
    assert caplog.text == ""


def test_the_core_knows_the_class_that_loads_each_type() -> None:
    """Renew ``native_model_types.txt`` with a new transformers; its first lines say from what."""
    from importlib import import_module

    from llmwright.catalogue.model_types import CAUSAL, MULTIMODAL, auto_class, is_language_model, is_native

    auto = import_module("transformers.models.auto.modeling_auto")
    types = import_module("transformers.models.auto.configuration_auto").CONFIG_MAPPING_NAMES
    causal, multimodal = auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, auto.MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES
    wanted = {name: MULTIMODAL if name in multimodal and name not in causal else CAUSAL for name in types}
    assert {name: auto_class(name) for name in types} == wanted
    assert {name for name in types if is_language_model(name)} == {*causal, *multimodal} & {*types}
    assert not is_native("no_such_type")
    assert is_language_model("no_such_type")
