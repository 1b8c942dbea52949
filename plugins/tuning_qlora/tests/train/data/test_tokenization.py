"""Which tokens are learned."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.support.tiny_models import word_tokenizer
from transformers import PreTrainedTokenizerFast

from llmwright_tuning_qlora.train.data.example import Conversation, PromptAnswer
from llmwright_tuning_qlora.train.data.token_rows import IGNORE_INDEX, TokenRow
from llmwright_tuning_qlora.train.data.tokenization import ExampleTokenizer

TURNS = Conversation(
    (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Ada"},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "Bo"},
    ),
    (2, 4),
)
MARKED = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{%- if m['role'] == 'assistant' %}{%- generation %}{{ m['content'] + '<|im_end|>' }}{%- endgeneration %}"
    "{%- else %}{{ m['content'] + '<|im_end|>' }}{%- endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
FORGETFUL = (
    "{% for m in messages %}{% if loop.last or m['role'] != 'assistant' %}<|im_start|>{{ m['content'] }}"
    "{% else %}…{% endif %}{% endfor %}"
)


def rows(encoded: list[TokenRow] | str) -> list[TokenRow]:
    assert isinstance(encoded, list), encoded
    return encoded


def learned(tokenizer: Any, encoded: list[TokenRow] | str) -> str:
    [row] = rows(encoded)
    return str(tokenizer.decode([token for token, kept in zip(row.ids, row.loss_mask, strict=True) if kept]))


def test_every_answer_of_a_conversation_is_learned_and_nothing_else(tokenizer: Any) -> None:
    [row] = ExampleTokenizer(tokenizer).encode([TURNS])
    assert learned(tokenizer, row) == "Ada<|im_end|>\nBo<|im_end|>\n"


def test_generation_marks_of_a_template_decide(tokenizer: Any) -> None:
    marked = deepcopy(tokenizer)
    marked.chat_template = MARKED
    [row] = ExampleTokenizer(marked).encode([TURNS])
    assert learned(tokenizer, row) == "Ada<|im_end|>Bo<|im_end|>"


def test_the_prompts_tokens_are_those_that_inference_sees(tokenizer: Any) -> None:
    [encoded] = ExampleTokenizer(tokenizer).encode([PromptAnswer("Ada", "Who?")])
    [row] = rows(encoded)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Who?"}], add_generation_prompt=True, tokenize=True, return_dict=True
    )["input_ids"]
    assert list(row.ids)[: len(prompt)] == prompt
    assert row.labels[: len(prompt)] == [IGNORE_INDEX] * len(prompt)
    assert IGNORE_INDEX not in row.labels[len(prompt) :]


def test_a_template_that_rewrites_earlier_turns_gives_each_answer_a_row(tokenizer: Any) -> None:
    forgetful = deepcopy(tokenizer)
    forgetful.chat_template = FORGETFUL
    [encoded] = ExampleTokenizer(forgetful).encode([TURNS])
    assert [learned(tokenizer, [row]) for row in rows(encoded)] == [
        "<|im_start|>Ada<|endoftext|>",
        "<|im_start|>Bo<|endoftext|>",
    ]


def test_a_word_that_the_tokenizer_refuses_is_the_fault_of_its_row() -> None:
    words = PreTrainedTokenizerFast(
        tokenizer_object=word_tokenizer(["<end>", "user", "Who?", "Ada"]), eos_token="<end>"
    )
    words.chat_template = "{% for m in messages %}{{ m['content'] + ' ' }}{% endfor %}"
    good, bad = ExampleTokenizer(words).encode([PromptAnswer("Ada", "Who?"), PromptAnswer("Bo", "Who?")])
    assert learned(words, good) == "Ada <end>"
    assert isinstance(bad, str)
    assert bad.startswith("the tokenizer refuses it: WordLevel error: Missing [UNK] token")


def test_without_a_template_pairs_are_texts_and_conversations_refused(tokenizer: Any) -> None:
    bare = deepcopy(tokenizer)
    bare.chat_template = None
    pair, conversation = ExampleTokenizer(bare).encode([PromptAnswer(" Ada", "Who?"), TURNS])
    assert learned(tokenizer, pair) == " Ada<|endoftext|>"
    assert "no chat template" in str(conversation)
