"""The circle: what training learns is what serving sees, for each family of chat templates and each form of rows.

A tiny model is tuned on rows of each form; then our server's engine and plain transformers with peft get the same
requests. The loss of an answer on the tokens that a server makes must be that of its training row, within 1 %, and the
greedy answers must be the rows' answers. ``-s`` prints the table.
"""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.support.chat_templates import FAMILIES, REWRITERS, SPECIAL
from tests.support.generating import generate
from tests.support.loaded_adapters import load_adapters, select
from tests.support.tiny_models import byte_level_tokenizer, llama_config, save_tokenizer
from tests.support.tuning_process import arguments
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from llmwright.values.messages import render
from llmwright_runtime_hf.serve.engine.interface import Text
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel, load_model
from llmwright_runtime_hf.serve.http.request_to_job import job_of_request
from llmwright_runtime_hf.serve.http.requests import AnyRequest, ChatCompletionRequest, CompletionRequest
from llmwright_runtime_hf.serve.serve_options import AdapterSpec, ServeOptions
from llmwright_tuning_qlora.config_sections import DatasetSection, ModelSection
from llmwright_tuning_qlora.train.data.column_mapping import map_columns
from llmwright_tuning_qlora.train.data.example import parse_example
from llmwright_tuning_qlora.train.data.token_rows import TokenRow
from llmwright_tuning_qlora.train.data.tokenization import ExampleTokenizer
from llmwright_tuning_qlora.train.model.metadata import load_tokenizer

SYSTEM = {"role": "system", "content": "Be brief."}


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def answer(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


PARTS = [{"type": "text", "text": "Sofia"}, {"type": "text", "text": "?"}]
FORMS: dict[str, dict[str, Any]] = {
    "pair": {"prompt": "Oslo?", "completion": "Norway"},
    "one exchange": {"messages": [user("Paris?"), answer("France")]},
    "several turns": {"messages": [user("Rome?"), answer("Italy"), user("And Bern?"), answer("Swiss")]},
    "weight 0": {"messages": [user("Kyiv?"), answer("wrong", weight=0), user("Kyiv again?"), answer("Ukraine")]},
    "developer": {"messages": [{"role": "developer", "content": "Be brief."}, user("Riga?"), answer("Latvia")]},
    "system": {"messages": [SYSTEM, user("Lima?"), answer("Peru")]},
    "system, several turns": {
        "messages": [SYSTEM, user("Bonn?"), answer("Rhine"), user("And Graz?"), answer("Mur")],
    },
    "parts": {"messages": [user(PARTS), answer("Bulgaria")]},
    "border": {"messages": [user("Doha?\n"), answer(" Qatar")]},
}
TEMPLATES = {**FAMILIES, **REWRITERS}
QUICK = frozenset({*FAMILIES, "other end", "last question", "reasoning"})
"""`make test-long` closes the circle for the other templates."""
SYSTEMLESS = frozenset({"last question"})
"""Templates that read no system prompt: a row with one is refused."""
BARE_FORMS = {
    "pair": {"prompt": "Q: Oslo?\nA: ", "completion": "Norway"},
    "border": {"prompt": "Q: Doha?\nA:", "completion": " Qatar"},
    "second pair": {"prompt": "Q: Rome?\nA: ", "completion": "Italy"},
}
OPTIONS = {
    "max_steps": 100,
    "per_device_train_batch_size": 16,
    "learning_rate": 0.01,
    "lora": {"r": 16, "lora_alpha": 32},
    "model": {"torch_dtype": "float32"},
}


@dataclass(frozen=True)
class Circle:
    """A tuned model in our server's engine and as plain transformers load it, and its training rows."""

    loaded: LoadedModel
    plain: Any
    tokenizer: ExampleTokenizer
    forms: dict[str, dict[str, Any]]


@pytest.fixture(
    scope="module",
    params=[name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in TEMPLATES],
)
def circle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Circle:
    from peft import PeftModel

    family, before = str(request.param), signal.getsignal(signal.SIGTERM)
    root = tmp_path_factory.mktemp(family)
    forms = forms_of(family)
    base, adapter = root / "base", root / "adapter"
    save_base(base, forms, TEMPLATES[family])
    tune(base, forms, adapter, root)
    signal.signal(signal.SIGTERM, before)
    options = ServeOptions(
        model=str(base), served_model_name="base", default_model="base", adapters=(AdapterSpec("tuned", adapter),)
    )
    loaded = load_model(options)
    select(load_adapters(loaded, options), "tuned")
    plain = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), adapter)
    plain.train(False)
    return Circle(loaded, plain, ExampleTokenizer(load_tokenizer(str(base), None, ModelSection())), forms)


def forms_of(family: str) -> dict[str, dict[str, Any]]:
    if not TEMPLATES[family]:
        return BARE_FORMS
    if family not in SYSTEMLESS:
        return FORMS
    roles = {name: form.get("messages", [{}])[0].get("role") for name, form in FORMS.items()}
    return {name: form for name, form in FORMS.items() if roles[name] not in {"system", "developer"}}


def save_base(directory: Path, forms: dict[str, Any], template: str | None) -> None:
    torch.manual_seed(0)
    backend = byte_level_tokenizer([json.dumps(form) for form in forms.values()] * 4, special=SPECIAL, vocabulary=400)
    vocabulary = save_tokenizer(directory, backend, eos_token="<|endoftext|>", chat_template=template or "")
    config = llama_config(
        vocabulary, num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=256, initializer_range=0.2
    )
    LlamaForCausalLM(config).save_pretrained(directory)


def tune(base: Path, forms: dict[str, dict[str, Any]], adapter: Path, root: Path) -> None:
    from llmwright_tuning_qlora.train.tuning_process import main

    rows = [form if "messages" in form or "Q:" in form["prompt"] else as_messages(form) for form in forms.values()]
    (root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(arguments(base, root / "rows.jsonl", adapter, method="lora", options=OPTIONS)) == 0


def as_messages(form: dict[str, Any]) -> dict[str, Any]:
    """Return a pair as messages: one data set has one form of columns."""
    return {"messages": [user(form["prompt"]), answer(form["completion"])]}


def requests_of(form: dict[str, Any]) -> list[tuple[AnyRequest, str]]:
    """Return the request before each learned answer, and the answer."""
    if "prompt" in form and "Q:" in form["prompt"]:
        return [(CompletionRequest(prompt=form["prompt"], max_tokens=24), form["completion"])]
    messages = form.get("messages") or as_messages(form)["messages"]
    return [
        (request_before(messages[:index]), message["content"])
        for index, message in enumerate(messages)
        if message["role"] == "assistant" and message.get("weight", 1)
    ]


def request_before(messages: list[dict[str, Any]]) -> ChatCompletionRequest:
    plain = [{key: value for key, value in message.items() if key != "weight"} for message in messages]
    return ChatCompletionRequest.model_validate({"messages": plain, "max_tokens": 24})


def rows_of(circle: Circle, form: dict[str, Any]) -> list[TokenRow]:
    example = parse_example(form, map_columns(form, DatasetSection()))
    assert not isinstance(example, str)
    [rows] = circle.tokenizer.encode([example])
    assert isinstance(rows, list)
    return rows


def learned_losses(circle: Circle, row: TokenRow) -> list[tuple[float, int]]:
    """Return (mean loss, tokens) of each learned run of a training row, by the plain model."""
    ids = torch.tensor([list(row.ids)])
    with torch.no_grad():
        losses = torch.nn.functional.cross_entropy(circle.plain(ids).logits[0, :-1], ids[0, 1:], reduction="none")
    runs: list[list[int]] = []
    for index, learned in enumerate(row.loss_mask):
        if learned and (index == 0 or not row.loss_mask[index - 1]):
            runs.append([])
        if learned:
            runs[-1].append(index)
    return [(float(losses[run[0] - 1 : run[-1]].mean()), len(run)) for run in runs]


def served_loss(circle: Circle, request: AnyRequest, learned: list[int]) -> float:
    """Return the mean loss of the learned tokens after the prompt that our server makes, by its own model."""
    prompt = list(job_of_request(request, "tuned", circle.loaded).prompt)
    ids = torch.tensor([[*prompt, *learned]])
    with torch.no_grad():
        logits = circle.loaded.model(ids).logits[0, :-1]
    return float(torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")[len(prompt) - 1 :].mean())


def runs_of(row: TokenRow) -> list[list[int]]:
    runs: list[list[int]] = []
    for index, (token, learned) in enumerate(zip(row.ids, row.loss_mask, strict=True)):
        if learned and (index == 0 or not row.loss_mask[index - 1]):
            runs.append([])
        if learned:
            runs[-1].append(token)
    return runs


def test_the_served_loss_is_that_of_the_training_row(circle: Circle, request: pytest.FixtureRequest) -> None:
    for name, form in circle.forms.items():
        rows = rows_of(circle, form)
        trained = [loss for row in rows for loss, _ in learned_losses(circle, row)]
        learned = [run for row in rows for run in runs_of(row)]
        asked = requests_of(form)
        assert len(trained) == len(asked), name
        for (ask, _), loss, run in zip(asked, trained, learned, strict=True):
            served = served_loss(circle, ask, run)
            print(f"{request.node.callspec.id:>10} | {name:<14} | {served:.4f} / {loss:.4f} = {served / loss:.4f}")
            assert served == pytest.approx(loss, rel=0.01, abs=1e-4), name


def test_greedy_answers_are_the_rows_answers_and_end(circle: Circle) -> None:
    for name, form in circle.forms.items():
        for ask, expected in requests_of(form):
            job = job_of_request(ask, "tuned", circle.loaded)
            (events,) = generate(circle.loaded, job)
            text = "".join(event.text for event in events if isinstance(event, Text))
            assert text.replace("<think>", "").replace("</think>", "").strip() == expected.strip(), name
            assert events[-1].reason == "stop", name  # type: ignore[union-attr]


def test_plain_transformers_answer_the_same(circle: Circle) -> None:
    for name, form in circle.forms.items():
        for ask, expected in requests_of(form):
            prompt = plain_prompt(circle, ask)
            assert prompt == list(job_of_request(ask, "tuned", circle.loaded).prompt), name
            written = circle.plain.generate(input_ids=torch.tensor([prompt]), max_new_tokens=24, do_sample=False)
            text = circle.loaded.tokenizer.decode(written[0][len(prompt) :], skip_special_tokens=True)
            assert str(text).replace("<think>", "").replace("</think>", "").strip().startswith(expected.strip()), name


def plain_prompt(circle: Circle, ask: AnyRequest) -> list[int]:
    tokenizer = circle.loaded.tokenizer
    if isinstance(ask, CompletionRequest):
        return list(tokenizer(ask.prompt)["input_ids"])
    assert isinstance(ask, ChatCompletionRequest)
    apply = partial(tokenizer.apply_chat_template, tokenize=False, add_generation_prompt=True)
    text = render(lambda plain: str(apply(plain)), [message.for_template() for message in ask.messages], "")
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
