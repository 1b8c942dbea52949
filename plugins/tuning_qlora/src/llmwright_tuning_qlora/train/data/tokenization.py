"""From an example to token ids and a mask of the tokens to learn.

The whole text is tokenised once where that gives the tokens that a server's prompt has; the answers are found by the
tokens' offsets. Where a token spans the border of prompt and answer, the prompt is tokenised alone, as the server does
it, and the answer after it. So the model is trained on the very tokens that it gets when it is served.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any

from jinja2 import TemplateError

from llmwright.errors import ConfigError
from llmwright.values.prompt_tokens import with_one_bos
from llmwright_tuning_qlora.train.data.answer_rendering import (
    AnswerText,
    ConversationRenderer,
    ConversationText,
    RowProblem,
)
from llmwright_tuning_qlora.train.data.example import Conversation, Example, PromptAnswer
from llmwright_tuning_qlora.train.data.special_texts import SpecialTexts
from llmwright_tuning_qlora.train.data.token_rows import TokenRow

GENERATION_MARK = "{% generation"
TOO_LONG = "{} tokens, longer than the context of {}"
MANY_TURNS = 100
"""Conversations of more are measured as a whole first."""
NO_TEMPLATE = "the model's tokenizer has no chat template"
NO_END = "the model's tokenizer has no end token (eos_token), so a tuned model would never stop"
NO_END_HINT = (
    "name eos_token in its tokenizer_config.json, or a ModelConfig.chat_template that writes a special token after each"
    " answer"
)

Encoded = list[TokenRow] | str
"""The rows of one example, or a text that names its fault."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """An example whose whole text is to be tokenised together with others."""

    example: Conversation
    rendered: ConversationText


class ExampleTokenizer:
    """Turn examples into tokens with a fast tokenizer of transformers and its chat template.

    ``max_tokens`` is the longest row; a conversation of many turns that is longer is refused before each is rendered.
    """

    def __init__(self, tokenizer: Any, max_tokens: int | None = None) -> None:
        if not tokenizer.is_fast:
            hint = "convert it to tokenizer.json"
            raise ConfigError("the model's tokenizer cannot tell offsets", hint=hint, reason="TokenizerUnsupported")
        self._tokenizer = tokenizer
        self._max_tokens = max_tokens
        decoder = tokenizer.added_tokens_decoder
        texts = [token.content for token in decoder.values() if token.special]
        self._renderer = ConversationRenderer(tokenizer, SpecialTexts([*texts, *tokenizer.all_special_tokens]))
        self._marked = GENERATION_MARK in self._renderer.template.replace("{%-", "{%")
        self._special = frozenset(tokenizer.all_special_ids) | {
            index for index, token in decoder.items() if token.special
        }

    @property
    def template(self) -> str:
        """The chat template's text; empty without one."""
        return self._renderer.template

    def encode(self, examples: Sequence[Example]) -> list[Encoded]:
        """Return the rows of each example, most often one, or a text that names its fault."""
        results = [self._guarded(partial(self._rows, example)) for example in examples]
        pending = [(index, item) for index, item in enumerate(results) if isinstance(item, _Pending)]
        # Many examples in one call: a fast tokenizer then works on all cores.
        rows = self._rows_at_once([item.rendered for _, item in pending])
        for (index, item), row in zip(pending, rows, strict=True):
            results[index] = [row] if row else self._guarded(partial(self._answers, item.example))
        encoded = [item for item in results if not isinstance(item, _Pending)]
        return [self._checked(example, item) for example, item in zip(examples, encoded, strict=True)]

    def end_of(self, row: TokenRow) -> int | None:
        """Return the special token that ends the last answer of ``row``; None where it ends with other text."""
        last = self._last([token for token, kept in zip(row.ids, row.loss_mask, strict=True) if kept])
        return last if last in self._special else None

    def _guarded(self, encode: Callable[[], Encoded | _Pending]) -> Encoded | _Pending:
        try:
            return encode()
        except TemplateError as error:
            return f"the chat template refuses it: {error}"
        except RowProblem as error:
            return str(error)
        except (UnicodeError, TypeError, OverflowError) as error:
            return _refused(error)
        except Exception as error:
            if not _is_refusal(error):
                raise
            return _refused(error)

    def _rows_at_once(self, rendered: Sequence[ConversationText]) -> list[TokenRow | None]:
        """Return the row of each text; None for all where the tokenizer refuses one, so that each is tried alone."""
        try:
            return [*self._tokenise(rendered)]
        except Exception as error:
            if not _is_refusal(error):
                raise
            return [None] * len(rendered)

    def _rows(self, example: Example) -> Encoded | _Pending:
        if isinstance(example, PromptAnswer):
            if not example.prompt or not self._renderer.template:
                return [self._plain(example)]
            example = _as_conversation(example)
        if not self._renderer.template:
            raise RowProblem(f"{NO_TEMPLATE}; name ModelConfig.chat_template, or use prompt and completion")
        if len(example.messages) > MANY_TURNS:
            self._refuse_long(example)
        answers = sum(message["role"] == "assistant" for message in example.messages)
        if self._marked and len(example.learned) == answers:
            self._renderer.read_whole(example)
            return self._marked_rows(example)
        rendered = self._renderer.whole(example)
        if rendered is None:
            return self._answers(example)
        # Here, not in the call for many rows: one text that cannot be encoded would fail them all.
        rendered.text.encode()
        return _Pending(example, rendered)

    def _refuse_long(self, example: Conversation) -> None:
        """Raise RowProblem where the whole is too long: the prompts of its answers take time by the turns' square."""
        count = len(self._ids(self._renderer.text(example), special=False))
        if self._max_tokens is not None and count > self._max_tokens:
            raise RowProblem(TOO_LONG.format(count, self._max_tokens))

    def _plain(self, example: PromptAnswer) -> TokenRow:
        """A text without a template: the tokenizer's own special tokens, and an end token that is learned."""
        # A tokenizer may add an end token to any text; a server's prompt does not end there.
        prompt = _without_end(self._ids(example.prompt, special=True), self._tokenizer.eos_token_id)
        if not prompt:
            ids, own = self._ids(example.answer, special=True), self._ids(example.answer, special=False)
            # Special tokens in the text are learned, as in a conversation that is rendered already; added ones are not.
            added = next((count for count in range(len(ids)) if ids[count : count + len(own)] == own), 0)
            return self._ended(ids, [0] * added + [1] * (len(ids) - added))
        answer = self._continuation(AnswerText(example.prompt, example.answer), prompt, special=True)
        return self._ended([*prompt, *answer], [0] * len(prompt) + [1] * len(answer))

    def _answers(self, example: Conversation) -> list[TokenRow]:
        rows = []
        for text in self._renderer.answers(example):
            prompt = self._ids(text.prompt, special=False)
            answer = self._continuation(text, prompt, special=False)
            rows.append(self._closed([*prompt, *answer], [0] * len(prompt) + [1] * len(answer)))
        return rows

    def _continuation(self, text: AnswerText, prompt: Sequence[int], *, special: bool) -> list[int]:
        """Return the tokens of the answer as they follow the tokens of the prompt alone."""
        whole = self._ids(text.prompt + text.answer, special=special)
        whole = _without_end(whole, self._tokenizer.eos_token_id) if special else whole
        if whole[: len(prompt)] == list(prompt):
            return whole[len(prompt) :]
        # Not the text itself: tokenizers of Llama 2's form show a blank after each special token.
        shown = self._text(whole)
        for ids in self._tokenised_apart(text.answer):
            if self._text([*prompt, *ids]) == shown:
                return ids
        raise RowProblem("the answer's first token cannot be told from the prompt's last; move the space between them")

    def _tokenised_apart(self, answer: str) -> Iterator[list[int]]:
        yield self._ids(answer, special=False)
        # Some tokenizers put a space before any text: hide it behind a character that no token joins with the answer.
        for lead in ("\n", "\x00", "。"):
            start = self._ids(lead, special=False)
            ids = self._ids(lead + answer, special=False)
            if ids[: len(start)] == start:
                yield ids[len(start) :]

    def _marked_rows(self, example: Conversation) -> list[TokenRow]:
        encoded = self._tokenizer.apply_chat_template(
            [dict(message) for message in example.messages],
            tools=list(example.tools) or None,
            tokenize=True,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
        ids, mask = list(encoded["input_ids"]), list(encoded["assistant_masks"])
        starts = [index for index, learned in enumerate(mask) if learned and (index == 0 or not mask[index - 1])]
        prompts = [self._ids(text.prompt, special=False) for text in self._renderer.answers(example)]
        if len(starts) != len(prompts) or any(
            ids[:start] != prompt for start, prompt in zip(starts, prompts, strict=True)
        ):
            return self._answers(example)
        for start in starts:
            stop = next((index for index in range(start, len(ids)) if not mask[index]), len(ids))
            if stop < len(ids) and ids[stop] in self._special and not self._ends(ids[start:stop]):
                # A mark that ends before the end token would teach an answer that never stops.
                mask[stop] = 1
        return [self._closed(ids, mask)]

    def _tokenise(self, rendered: Sequence[ConversationText]) -> Iterator[TokenRow | None]:
        """Yield the row of each text; None where its tokens are not those of a server's prompt and an answer after it.

        A tokenizer may split a prompt otherwise once text follows, also where no token spans the border: GPT-2's keeps
        the last of several blanks for the next word.
        """
        if not rendered:
            return
        prompts = iter(self._many([item.text[:start] for item in rendered for start, _ in item.spans])["input_ids"])
        encoded = self._many([item.text for item in rendered])
        for ids, offsets, item in zip(encoded["input_ids"], encoded["offset_mapping"], rendered, strict=True):
            served = [next(prompts) for _ in item.spans]
            agrees = all(ids[: len(prompt)] == prompt for prompt in served)
            yield self._row(ids, offsets, item.spans) if agrees else None

    def _many(self, texts: list[str]) -> Any:
        return self._tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True, verbose=False)

    def _row(self, ids: list[int], offsets: list[tuple[int, int]], spans: Sequence[tuple[int, int]]) -> TokenRow | None:
        mask = [int(any(a <= first and last <= b and last > first for a, b in spans)) for first, last in offsets]
        for start, stop in spans[:-1]:
            inside = [token for token, (a, b) in zip(ids, offsets, strict=True) if start <= a and b <= stop]
            if not self._ends(inside):
                return None
        return self._closed(ids, mask)

    def _closed(self, ids: list[int], mask: list[int]) -> TokenRow:
        """Return the row, with an end token after the last answer where its template writes none."""
        learned = [token for token, is_learned in zip(ids, mask, strict=True) if is_learned]
        if not learned or self._ends(learned):
            return TokenRow(ids, mask)
        last = max(index for index, is_learned in enumerate(mask) if is_learned) + 1
        while last > 1 and mask[last - 1] and self._is_blank(ids[last - 1]):
            last -= 1
        return self._ended(ids[:last], mask[:last])

    def _ended(self, ids: list[int], mask: list[int]) -> TokenRow:
        end = self._tokenizer.eos_token_id
        if end is None:
            raise ConfigError(NO_END, hint=NO_END_HINT, reason="NoEndToken")
        if ids and ids[-1] == end:
            return TokenRow(ids, [*mask[:-1], 1])
        return TokenRow([*ids, end], [*mask, 1])

    def _ends(self, learned: Sequence[int]) -> bool:
        return self._last(learned) in self._special

    def _checked(self, example: Example, item: Encoded) -> Encoded:
        if isinstance(item, str):
            return item
        if not all(any(row.loss_mask) for row in item):
            return "the answer has no tokens"
        if isinstance(example, PromptAnswer) and not example.prompt:
            # A text may be whole conversations, with the end of each answer in it.
            return item
        early = next(filter(None, (self._early_end(run) for row in item for run in _learned_runs(row))), "")
        return f"an answer goes on after {early!r}, where a server stops; take it out" if early else item

    def _early_end(self, run: Sequence[int]) -> str:
        """Return the end token after which an answer has more text; empty for none."""
        ends = {self._tokenizer.eos_token_id, self._last(run)} & self._special
        first = next((index for index, token in enumerate(run) if token in ends), len(run))
        goes_on = any(token not in self._special and not self._is_blank(token) for token in run[first + 1 :])
        return str(self._tokenizer.decode([run[first]])) if goes_on else ""

    def _last(self, learned: Sequence[int]) -> int | None:
        return next((token for token in reversed(learned) if not self._is_blank(token)), None)

    def _is_blank(self, token: int) -> bool:
        return token not in self._special and not str(self._tokenizer.decode([token])).strip()

    def _ids(self, text: str, *, special: bool) -> list[int]:
        ids = self._tokenizer(text, add_special_tokens=special, verbose=False)["input_ids"]
        return with_one_bos(ids, self._tokenizer.bos_token_id)

    def _text(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _learned_runs(row: TokenRow) -> Iterator[list[int]]:
    for learned, group in groupby(zip(row.ids, row.loss_mask, strict=True), key=itemgetter(1)):
        if learned:
            yield [token for token, _ in group]


def _as_conversation(example: PromptAnswer) -> Conversation:
    messages = ({"role": "user", "content": example.prompt}, {"role": "assistant", "content": example.answer})
    return Conversation(messages, (1,))


def _without_end(ids: list[int], end: int | None) -> list[int]:
    return ids[:-1] if end is not None and ids and ids[-1] == end else ids


def _is_refusal(error: Exception) -> bool:
    """Return whether it comes from a tokenizer's Rust half, which has no class of its own for text it cannot encode."""
    return type(error) is Exception


def _refused(error: Exception) -> str:
    return f"the tokenizer refuses it: {' '.join(str(error).split())}"
