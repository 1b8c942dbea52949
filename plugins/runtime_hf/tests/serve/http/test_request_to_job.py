"""A text begins with one token for the beginning of a sequence (BOS), whoever writes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.tiny_models import byte_level_tokenizer, word_tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from llmwright_runtime_hf.serve.engine.chat_template import chat_template
from llmwright_runtime_hf.serve.engine.interface import SamplingParams
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel
from llmwright_runtime_hf.serve.engine.sampling_defaults import AnswerDefaults
from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.request_to_job import _end_tokens, _tokens, job_of_request
from llmwright_runtime_hf.serve.http.requests import ChatCompletionRequest, CompletionRequest, PromptRequest

BOS, END = 0, 1


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    """A tokenizer that puts ``<s>`` in front, and a template that writes it too. No model is needed."""
    backend = byte_level_tokenizer(special=("<s>", "</s>"))
    backend.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", BOS)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
    tokenizer.chat_template = "{{ bos_token }}{% for message in messages %}{{ message.content }}{% endfor %}"
    nothing: Any = None
    templates = {"base": chat_template(tokenizer, tokenizer.chat_template)}
    return LoadedModel(nothing, tokenizer, 100, frozenset([END]), SamplingParams(), "float32", 9, templates)


def tokens(loaded: LoadedModel, request: Any) -> list[int]:
    return _tokens(request, loaded, loaded.templates["base"], lambda: False)


@pytest.mark.parametrize(
    ("prompt", "add", "bos"),
    [
        ("hi", None, 1), ("hi", True, 1), ("hi", False, 0), ("<s>hi", None, 1), ("<s>hi", True, 1), ("<s>hi", False, 1),
        ("<s><s>hi", None, 1), ("<s><s>hi", False, 1), (["<s>hi"], None, 1), ("<s>", None, 1),
    ],
)  # fmt: skip
def test_completions(loaded: LoadedModel, prompt: Any, add: bool | None, bos: int) -> None:
    made = tokens(loaded, CompletionRequest(prompt=prompt, add_special_tokens=add))

    assert made[:bos] == [BOS] * bos
    assert BOS not in made[bos:]
    assert loaded.decode(made) == ("hi" if "hi" in str(prompt) else "")


@pytest.mark.parametrize("add", [None, True, False])
@pytest.mark.parametrize("content", ["hi", "<s>hi"])
def test_chats(loaded: LoadedModel, content: str, add: bool | None) -> None:
    messages: Any = [{"role": "user", "content": content}]
    chat = ChatCompletionRequest.model_validate({"messages": messages, "add_special_tokens": add})

    assert tokens(loaded, chat).count(BOS) == 1
    assert tokens(loaded, PromptRequest(prompt=content, add_special_tokens=add)).count(BOS) == 1


def test_token_ids_are_taken_as_they_are(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LoadedModel, "vocabulary", 300)

    assert tokens(loaded, CompletionRequest(prompt=[BOS, BOS, 7])) == [BOS, BOS, 7]


@pytest.fixture
def sampled(loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> LoadedModel:
    """Its file names a temperature without ``do_sample``, and the length of an answer."""
    monkeypatch.setattr(LoadedModel, "vocabulary", 300)
    return replace(loaded, defaults=AnswerDefaults(sampled_temperature=0.6, max_tokens=7))


@pytest.mark.parametrize(
    ("fields", "temperature"),
    [
        ({}, 0.0),
        ({"do_sample": True}, 0.6),
        ({"do_sample": True, "temperature": 1.5}, 1.5),
        ({"do_sample": False, "temperature": 1.5}, 0.0),
        ({"temperature": 1.5}, 1.5),
    ],
)
def test_who_asks_to_sample_has_the_temperature_of_the_model(
    sampled: LoadedModel, fields: dict[str, Any], temperature: float
) -> None:
    request = PromptRequest.model_validate({"prompt": "hi", "generate_kwargs": fields})
    assert job_of_request(request, "base", sampled).sampling.temperature == temperature


def test_a_chat_without_a_limit_has_that_of_the_model(sampled: LoadedModel) -> None:
    assert job_of_request(PromptRequest(prompt="hi"), "base", sampled).max_tokens == 7
    assert job_of_request(PromptRequest(prompt="hi", max_tokens=9), "base", sampled).max_tokens == 9
    assert job_of_request(PromptRequest(prompt="hi", max_length=20), "base", sampled).max_tokens > 7
    assert job_of_request(CompletionRequest(prompt="hi"), "base", sampled).max_tokens == 16


def test_special_tokens_are_shown_where_they_are_asked_for(loaded: LoadedModel) -> None:
    assert loaded.decode([BOS, END]) == ""
    assert loaded.decode([BOS, END], special=True) == "<s></s>"


@pytest.mark.parametrize(
    ("request_", "field"),
    [(CompletionRequest(prompt="hi you"), "prompt"), (PromptRequest(prompt="hi you"), "messages")],
)
def test_a_word_that_the_tokenizer_refuses_is_the_clients_mistake(
    loaded: LoadedModel, request_: Any, field: str
) -> None:
    words = PreTrainedTokenizerFast(tokenizer_object=word_tokenizer(["hi", "</s>"]), eos_token="</s>")
    with pytest.raises(ApiError) as refused:
        tokens(replace(loaded, tokenizer=words), request_)
    assert (refused.value.status_code, refused.value.param) == (400, field)
    assert "the tokenizer refuses the text: WordLevel error" in str(refused.value.detail)


def test_an_adapter_ends_at_its_own_end_tokens_too(loaded: LoadedModel) -> None:
    """Also where no template is asked, and the base's answers go on there."""
    tuned = replace(loaded, own_ends={"tuned": frozenset([7])})
    asked = CompletionRequest(prompt="hi")
    assert _end_tokens(asked, tuned, "tuned") == {END, 7}
    assert _end_tokens(asked, tuned, "base") == {END}
    assert _end_tokens(CompletionRequest(prompt="hi", ignore_eos=True), tuned, "tuned") == frozenset()
