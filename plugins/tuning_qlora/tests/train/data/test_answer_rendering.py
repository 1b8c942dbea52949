"""A row is trained on the very prompt that a server gives the model, for each family of chat templates."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby, product
from typing import Any

import pytest
from tests.support.chat_templates import (
    DROPPING,
    FAMILIES,
    LATE_SYSTEM,
    MARKED_WHOLE,
    REASONING,
    REWRITERS,
    SPECIAL,
    THINKING,
    THINKING_CALLS,
)
from tests.support.tiny_models import byte_level_tokenizer, sentencepiece_tokenizer
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from llmwright.values.messages import render
from llmwright_runtime_hf.serve.engine.chat_template import chat_template
from llmwright_tuning_qlora.train.data.column_mapping import ColumnMapping
from llmwright_tuning_qlora.train.data.example import Conversation, Example, PromptAnswer, parse_example
from llmwright_tuning_qlora.train.data.token_rows import TokenRow
from llmwright_tuning_qlora.train.data.tokenization import ExampleTokenizer

MESSAGES = ColumnMapping("messages", ("messages",))
TEXTS = ("the capital of France", "Paris", "Oslo", "[INST] [/INST] assistant user", "\n\n", "A: ", " Paris")
TEMPLATES = {**{name: template for name, template in FAMILIES.items() if template}, **REWRITERS}
Make = Callable[[str | None], Any]


def maker(backend: Tokenizer) -> Make:
    def tokenizer(template: str | None) -> Any:
        made = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")
        made.chat_template = template
        return made

    return tokenizer


@pytest.fixture(scope="module")
def make() -> Make:
    return maker(byte_level_tokenizer(TEXTS * 20, special=SPECIAL, vocabulary=400))


@pytest.fixture(scope="module")
def both(make: Make) -> tuple[Make, Make]:
    """Tokenizers of the two common forms: byte-level, and Llama 2's, which puts a blank before each text."""
    return make, maker(sentencepiece_tokenizer(TEXTS * 20, special=SPECIAL))


def conversation(*messages: dict[str, Any], **columns: Any) -> Conversation:
    example = parse_example({"messages": list(messages), **columns}, MESSAGES)
    assert isinstance(example, Conversation), example
    return example


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def answer(text: str, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


def encoded(tokenizer: Any, example: Example) -> list[TokenRow]:
    [rows] = ExampleTokenizer(tokenizer).encode([example])
    assert isinstance(rows, list), rows
    return rows


def learned_runs(row: TokenRow) -> list[tuple[list[int], list[int]]]:
    """Return (all tokens before, learned tokens) of each run of learned tokens."""
    runs, start = [], 0
    for is_learned, group in groupby(row.loss_mask):
        stop = start + len(list(group))
        if is_learned:
            runs.append((list(row.ids[:start]), list(row.ids[start:stop])))
        start = stop
    return runs


def served_prompt(tokenizer: Any, messages: Any) -> list[int]:
    def apply(plain: list[dict[str, Any]]) -> str:
        return str(tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=True))

    return list(tokenizer(render(apply, messages, tokenizer.chat_template), add_special_tokens=False)["input_ids"])


TALK = (user("the capital of France"), answer("Paris"), user("of Norway?"), answer("Oslo"))


@pytest.mark.parametrize("family", TEMPLATES)
def test_each_answer_follows_the_prompt_that_a_server_makes(make: Make, family: str) -> None:
    tokenizer = make(TEMPLATES[family])
    runs = [run for row in encoded(tokenizer, conversation(*TALK)) for run in learned_runs(row)]
    for (before, learned), position in zip(runs, (1, 3), strict=True):
        assert before == served_prompt(tokenizer, TALK[:position])
        text = tokenizer.decode(learned, skip_special_tokens=True).strip()
        assert text.endswith(TALK[position]["content"])
        assert any(token in tokenizer.added_tokens_decoder for token in learned[-2:])


TALKS = {
    "several": (user("x"), answer("Paris"), user("y"), answer("Oslo"), user("z"), answer("Rome")),
    "same words": (user("Paris"), answer("Paris"), user("."), answer(".")),
    "blanks": (user("x \n"), answer(" Paris\n"), user("\n\ny"), answer("\n\na\n\nb ")),
    "beyond ASCII": (user("👍🏽"), answer("👩‍👩‍👧"), user("東京"), answer("🇫🇷 été")),
    "reasoning": (
        *(user("x"), answer("<think>\nOslo?\n</think>\n\nParis")),
        *(user("y"), answer("<think>\nRome?\n</think>\n\nOslo")),
    ),
    "a question last": (user("x"), answer("Paris"), user("bye")),
}


@pytest.mark.parametrize("family", TEMPLATES)
def test_an_answer_is_learned_whole_and_ends_where_a_server_stops(both: tuple[Make, Make], family: str) -> None:
    for make, (name, talk) in product(both, TALKS.items()):
        tokenizer, example = make(TEMPLATES[family]), conversation(*talk)
        ends = chat_template(tokenizer, tokenizer.chat_template).end_tokens | {tokenizer.eos_token_id}
        runs = [run for row in encoded(tokenizer, example) for run in learned_runs(row)]
        for (before, learned), position in zip(runs, example.learned, strict=True):
            assert before == served_prompt(tokenizer, example.messages[:position]), name
            end = next(index for index, token in enumerate(learned) if token in ends)
            assert not tokenizer.decode(learned[end + 1 :]).strip(), name
            assert words(tokenizer.decode(learned[:end])) == words(str(example.messages[position]["content"])), name


def words(text: str) -> str:
    """Return the words, without blanks and the marks that a template may write around reasoning."""
    return "".join(text.replace("<think>", "").replace("</think>", "").split())


@pytest.mark.parametrize("template", [DROPPING, REASONING])
def test_reasoning_is_learned_though_a_template_drops_it_from_history(make: Make, template: str) -> None:
    tokenizer = make(template)
    runs = [run for row in encoded(tokenizer, conversation(*TALKS["reasoning"])) for run in learned_runs(row)]
    for (_, learned), reason in zip(runs, ("Oslo?", "Rome?"), strict=True):
        assert reason in tokenizer.decode(learned)


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_beside_the_content_is_learned_or_refused(make: Make, field: str) -> None:
    example = conversation(user("x"), answer("Paris", **{field: "Oslo?"}))
    assert "Oslo?" in make(None).decode(learned_runs(encoded(make(REASONING), example)[0])[0][1])
    [row] = ExampleTokenizer(make(TEMPLATES["chatml"])).encode([example])
    assert row == f"the chat template leaves {field} of answer 1 out"


def test_an_answer_that_a_template_changes_is_a_problem_of_its_row(make: Make) -> None:
    template = TEMPLATES["chatml"].replace("{{ m.content }}", "{{ m.content | upper }}")
    [row] = ExampleTokenizer(make(template)).encode([conversation(*TALK)])
    assert row == "the chat template writes answer 1 otherwise than the row has it"


@pytest.mark.parametrize("family", TEMPLATES)
@pytest.mark.parametrize("text", ["\n\nParis", " Paris", "Paris ", "…", "Paris\n"])
def test_a_token_that_would_span_the_border_does_not(make: Make, family: str, text: str) -> None:
    tokenizer = make(TEMPLATES[family])
    ((before, learned),) = learned_runs(encoded(tokenizer, conversation(user("A: "), answer(text)))[0])
    assert before == served_prompt(tokenizer, [user("A: ")])
    assert text.strip() in tokenizer.decode(learned)


def test_without_a_template_the_prompt_ends_where_the_row_says(make: Make) -> None:
    tokenizer = make(None)
    example = PromptAnswer("Paris", "Q: the capital of France?\nA: ")
    ((before, learned),) = learned_runs(encoded(tokenizer, example)[0])
    assert before == tokenizer(example.prompt)["input_ids"]
    assert tokenizer.decode(learned) == "Paris<|endoftext|>"


@pytest.mark.parametrize("family", ["tailed", "chatml"])
def test_the_tail_of_a_closed_conversation_is_not_learned(make: Make, family: str) -> None:
    tokenizer = make(TEMPLATES[family])
    for row in encoded(tokenizer, conversation(*TALK)):
        for _, learned in learned_runs(row):
            assert "<|endoftext|>" not in tokenizer.decode(learned)


def test_a_longer_generation_prompt_stays_before_the_answer(make: Make) -> None:
    tokenizer = make(THINKING)
    ((before, learned),) = learned_runs(encoded(tokenizer, conversation(user("A: "), answer("Paris")))[0])
    assert tokenizer.decode(before).endswith("<|assistant|><think>\n")
    assert tokenizer.decode(learned) == "Paris<|endoftext|>"


@pytest.mark.parametrize("family", TEMPLATES)
def test_an_answer_of_weight_0_is_history(make: Make, family: str) -> None:
    tokenizer = make(TEMPLATES[family])
    quiet = (TALK[0], answer("Paris", weight=0), *TALK[2:])
    runs = [run for row in encoded(tokenizer, conversation(*quiet)) for run in learned_runs(row)]
    ((before, learned),) = runs
    assert before == served_prompt(tokenizer, TALK[:3])
    assert "Oslo" in tokenizer.decode(learned)


@pytest.mark.parametrize("family", ["brackets", "chatml"])
def test_developer_is_system_where_the_template_does_not_know_it(make: Make, family: str) -> None:
    tokenizer = make(TEMPLATES[family])
    rows = encoded(tokenizer, conversation({"role": "developer", "content": "Be brief."}, *TALK[:2]))
    text = tokenizer.decode(rows[0].ids)
    assert ("[SYS] Be brief. [/SYS]" if family == "brackets" else "system\nBe brief.") in text


def test_parts_are_joined_and_tool_calls_reach_the_template_as_objects(make: Make) -> None:
    template = (
        "{% for t in tools or [] %}<|system|>{{ t.function.name }}{% endfor %}{% for m in messages %}<|{{ m.role }}|>"
        "{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.arguments.city }}!{% endfor %}<|end|>"
        "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
    )
    call = {"type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}
    example = conversation(
        user([{"type": "text", "text": "the capital "}, {"type": "text", "text": "of France"}]),  # type: ignore[arg-type]
        {"role": "assistant", "content": None, "tool_calls": [call]},
        tools=[{"type": "function", "function": {"name": "weather"}}],
    )
    text = make(template).decode(encoded(make(template), example)[0].ids)
    assert text == "<|system|>weather<|user|>the capital of France<|end|><|assistant|>Paris!<|end|>"


@pytest.mark.parametrize("rest", [(), (user("x"), answer("y"))], ids=["last", "earlier"])
def test_calls_without_content_are_learned_though_a_template_drops_the_reasoning_before_them(
    make: Make, rest: tuple[dict[str, Any], ...]
) -> None:
    call = {"type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    example = conversation(user("x"), {"role": "assistant", "content": None, "tool_calls": [call]}, *rest)
    tokenizer = make(THINKING_CALLS)
    before, learned = learned_runs(encoded(tokenizer, example)[0])[0]
    assert before == served_prompt(tokenizer, example.messages[:1])
    assert tokenizer.decode(learned).strip() == '<tool_call>f({"a": 1})</tool_call><|im_end|>'


def test_a_system_prompt_that_only_prompts_have_is_learned_with(make: Make) -> None:
    tokenizer, brief = make(LATE_SYSTEM), {"role": "system", "content": "Be brief."}
    runs = [run for row in encoded(tokenizer, conversation(brief, *TALK)) for run in learned_runs(row)]
    for (before, _), position in zip(runs, (2, 4), strict=True):
        assert before == served_prompt(tokenizer, (brief, *TALK)[:position])
        assert "Be brief." in tokenizer.decode(before)


def test_marks_around_the_end_token_are_not_stretched_to_the_next_turn(make: Make) -> None:
    tokenizer = make(MARKED_WHOLE)
    first, second = learned_runs(encoded(tokenizer, conversation(*TALK))[0])
    assert [tokenizer.decode(learned).strip() for _, learned in (first, second)] == [
        "Paris<|im_end|>",
        "Oslo<|im_end|>",
    ]


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        (answer("x", weight=0.5), "messages[1].weight is 0.5; 0 or 1 is expected"),
        (answer("x", train=False), "messages[1].train is not read; write weight: 0"),
        (answer("x", function_call={"name": "f"}), "messages[1].function_call is not read; write tool_calls"),
        (answer("x", refusal="no"), "messages[1].refusal is not read"),
        (answer("x", weight=0), "gives every answer the weight 0"),
        ({"role": "assistant", "content": [{"type": "image_url"}]}, "content[0] is of type 'image_url'"),
        ({"role": "assistant", "tool_calls": [{"function": {"arguments": "{"}}]}, "arguments is no JSON object"),
        ({"role": "assistant", "tool_calls": [{"function": {"arguments": "[1]"}}]}, "arguments is no JSON object"),
        ({"role": "assistant", "tool_calls": {"function": {}}}, "tool_calls is no list"),
        ({"role": "assistant", "content": None}, "messages[1].content is null"),
        ({"role": ["assistant"], "content": "x"}, "messages[1].role is ['assistant']; one of"),
    ],
)
def test_marks_and_parts_that_cannot_be_honoured_are_refused(message: dict[str, Any], fault: str) -> None:
    example = parse_example({"messages": [user("x"), message]}, MESSAGES)
    assert isinstance(example, str)
    assert fault in example


@pytest.mark.parametrize("bos", [None, "<|begin|>"])
def test_special_tokens_of_a_text_are_learned(make: Make, bos: str | None) -> None:
    """A conversation that is rendered already teaches its end tokens too."""
    tokenizer = make(None)
    tokenizer.bos_token = bos
    text = "<|begin|><|user|>Oslo?<|end|><|assistant|>Norway<|end|>"
    ((_, learned),) = learned_runs(encoded(tokenizer, PromptAnswer(text))[0])
    assert tokenizer.decode(learned).count("<|end|>") == 2


def test_a_prompt_that_writes_bos_gets_no_second_one(make: Make) -> None:
    tokenizer = make(None)
    tokenizer.bos_token = "<|begin|>"
    begin = ("<|begin|>", tokenizer.bos_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<|begin|> $A", special_tokens=[begin])
    row = encoded(tokenizer, PromptAnswer("Paris", "<|begin|>A: "))[0]
    assert list(row.ids).count(tokenizer.bos_token_id) == 1


def test_an_answer_with_the_token_that_ends_answers_is_a_problem_of_its_row(make: Make) -> None:
    example = conversation(user("x"), answer("say <|im_end|> now"), user("y"), answer("Oslo"))
    [row] = ExampleTokenizer(make(TEMPLATES["chatml"])).encode([example])
    assert row == "answer 1 holds the very token that ends answers"


def test_text_that_no_tokenizer_takes_is_a_problem_of_its_row(make: Make) -> None:
    [row] = ExampleTokenizer(make(TEMPLATES["chatml"])).encode([conversation(user("a\ud800"), answer("b"))])
    assert isinstance(row, str)
    assert "refuses it" in row


@pytest.mark.parametrize(
    "fault", ["{{ 1 / 0 }}", "{{ messages.nothing() }}", "{{ messages['x'] + 1 }}", "{{ 'a'.b.c }}"]
)
def test_a_template_that_fails_is_a_problem_of_the_row(make: Make, fault: str) -> None:
    [row] = ExampleTokenizer(make(fault)).encode([conversation(user("a"), answer("b"))])
    assert isinstance(row, str)
    assert row.startswith("the chat template refuses it: ")
