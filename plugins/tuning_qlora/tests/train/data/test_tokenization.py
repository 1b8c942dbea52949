"""Which tokens are learned."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from llmwright_tuning_qlora.train.data.column_mapping import Conversation, Text
from llmwright_tuning_qlora.train.data.token_rows import IGNORED, TokenRow, TokenRows, split
from llmwright_tuning_qlora.train.data.tokenization import Encoder

TURNS = Conversation(
    (
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One?"},
        {"role": "assistant", "content": "Ada"},
        {"role": "user", "content": "Two?"},
        {"role": "assistant", "content": "Bo"},
    )
)
MARKED = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}"
    "{%- if m['role'] == 'assistant' %}{%- generation %}{{ m['content'] + '<|im_end|>' }}{%- endgeneration %}"
    "{%- else %}{{ m['content'] + '<|im_end|>' }}{%- endif %}{{ '\n' }}{% endfor %}"
)
FORGETFUL = (
    "{% for m in messages %}{% if loop.last or m['role'] != 'assistant' %}<|im_start|>{{ m['content'] }}"
    "{% else %}…{% endif %}{% endfor %}"
)


def learned(tokenizer: Any, row: TokenRow | str) -> str:
    assert isinstance(row, TokenRow)
    return str(tokenizer.decode([token for token, wanted in zip(row.ids, row.learned, strict=True) if wanted]))


def test_every_answer_of_a_conversation_is_learned_and_nothing_else(tokenizer: Any) -> None:
    [row] = Encoder(tokenizer).encode([TURNS])
    assert learned(tokenizer, row) == "Ada<|im_end|>\nBo<|im_end|>\n"


def test_generation_marks_of_a_template_decide(tokenizer: Any) -> None:
    marked = deepcopy(tokenizer)
    marked.chat_template = MARKED
    [row] = Encoder(marked).encode([TURNS])
    assert learned(tokenizer, row) == "Ada<|im_end|>Bo<|im_end|>"


def test_the_prompts_tokens_are_those_that_inference_sees(tokenizer: Any) -> None:
    [row] = Encoder(tokenizer).encode([Text("Ada", "Who?")])
    assert isinstance(row, TokenRow)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Who?"}], add_generation_prompt=True, tokenize=True, return_dict=True
    )["input_ids"]
    assert list(row.ids)[: len(prompt)] == prompt
    assert row.labels[: len(prompt)] == [IGNORED] * len(prompt)
    assert IGNORED not in row.labels[len(prompt) :]


def test_a_template_that_rewrites_earlier_turns_is_refused(tokenizer: Any) -> None:
    forgetful = deepcopy(tokenizer)
    forgetful.chat_template = FORGETFUL
    [row] = Encoder(forgetful).encode([TURNS])
    assert "make one row of each answer" in str(row)


def test_without_a_template_pairs_are_texts_and_conversations_refused(tokenizer: Any) -> None:
    bare = deepcopy(tokenizer)
    bare.chat_template = None
    pair, conversation = Encoder(bare).encode([Text(" Ada", "Who?"), TURNS])
    assert learned(tokenizer, pair) == " Ada<|endoftext|>"
    assert "no chat template" in str(conversation)


def test_rows_come_back_as_they_went_in() -> None:
    rows = TokenRows()
    rows.append(TokenRow([1, 2, 3], [0, 0, 1]))
    rows.append(TokenRow([4], [1]))
    assert rows.lengths == [3, 1]
    assert rows[0].labels == [IGNORED, IGNORED, 3]
    assert list(rows[1].ids) == [4]


def test_the_split_is_whole_disjoint_and_seeded() -> None:
    train, held_out = split(10, 0.8, shuffle=True, seed=1)
    assert sorted(train + held_out) == list(range(10))
    assert len(train) == 8
    assert split(10, 0.8, shuffle=True, seed=1) == (train, held_out)
    assert split(10, 0.8, shuffle=True, seed=2) != (train, held_out)
    assert split(3, 1.0, shuffle=False, seed=0) == ([0, 1, 2], [])
