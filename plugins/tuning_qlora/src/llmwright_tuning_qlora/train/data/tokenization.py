"""From an example to token ids and a mask of the tokens to learn.

The whole text is rendered with the chat template, as a server does it, and tokenised once. The assistant's parts are
found as characters, then as tokens by the tokens' offsets. So the model is trained on the very tokens that it gets
when it is served: tokenising the parts one by one would split words in other places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.train.data.example import Conversation, Example, Message, PromptAnswer
from llmwright_tuning_qlora.train.data.token_rows import TokenRow

GENERATION_MARK = "{% generation"
NO_TEMPLATE = "the model's tokenizer has no chat template"


class RowProblem(ValueError):
    """A row that cannot be turned into tokens. ``encode`` catches it."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A row as text. ``spans`` are its learned parts, (start, end) in characters. A ``plain`` text has no template."""

    text: str
    spans: tuple[tuple[int, int], ...]
    plain: bool = False


class ExampleTokenizer:
    """Turn examples into tokens with a fast tokenizer of transformers and its chat template."""

    def __init__(self, tokenizer: Any) -> None:
        if not tokenizer.is_fast:
            hint = "convert it to tokenizer.json"
            raise ConfigError("the model's tokenizer cannot tell offsets", hint=hint, reason="TokenizerUnsupported")
        self._tokenizer = tokenizer
        self._template = str(tokenizer.get_chat_template()) if tokenizer.chat_template else ""
        self._marked = GENERATION_MARK in self._template.replace("{%-", "{%")

    def encode(self, examples: Sequence[Example]) -> list[TokenRow | str]:
        """Return the tokens of each example, or a text that names its fault."""
        results: list[TokenRow | str] = []
        rendered: list[tuple[int, Rendered]] = []
        for index, example in enumerate(examples):
            try:
                row = self._marked_row(example) if self._is_marked(example) else self.render(example)
            except (RowProblem, TemplateError) as error:
                results.append(
                    f"the chat template refuses it: {error}" if isinstance(error, TemplateError) else str(error)
                )
                continue
            if isinstance(row, Rendered):
                rendered.append((index, row))
                results.append("")
            else:
                results.append(row)
        for plain in (False, True):
            self._tokenise([item for item in rendered if item[1].plain is plain], results, plain)
        return [row if isinstance(row, str) or any(row.loss_mask) else "the answer has no tokens" for row in results]

    def render(self, example: Example) -> Rendered:
        """Return ``example`` as text, with its learned parts.

        Raises:
            RowProblem: a conversation without a template, or one whose template hides where answers begin.
            TemplateError: the template itself refuses the messages.
        """
        if isinstance(example, PromptAnswer):
            if not example.prompt or not self._template:
                text = example.prompt + example.answer
                return Rendered(text, ((len(example.prompt), len(text)),), plain=True)
            return self._conversation(_as_messages(example))
        if not self._template:
            raise RowProblem(f"{NO_TEMPLATE}; name ModelConfig.chat_template, or use prompt and completion")
        return self._conversation(example.messages)

    def _conversation(self, messages: Sequence[Message]) -> Rendered:
        whole = self._apply(messages)
        spans = [self._span(whole, messages, i) for i, message in enumerate(messages) if message["role"] == "assistant"]
        return Rendered(whole, tuple(spans))

    def _span(self, whole: str, messages: Sequence[Message], index: int) -> tuple[int, int]:
        # The answer is what the text gains from the prompt for it to its end. It must be the same in the whole text.
        before = self._apply(messages[:index], add_generation_prompt=True)
        through = whole if index == len(messages) - 1 else self._apply(messages[: index + 1])
        if whole.startswith(before) and whole.startswith(through) and len(before) < len(through):
            return len(before), len(through)
        raise RowProblem(
            f"the chat template changes earlier turns, so answer {index} cannot be told apart; "
            "make one row of each answer, or use a template with {% generation %}"
        )

    def _apply(self, messages: Sequence[Message], *, add_generation_prompt: bool = False) -> str:
        messages = [dict(message) for message in messages]
        return str(
            self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=add_generation_prompt)
        )

    def _is_marked(self, example: Example) -> bool:
        return self._marked and (isinstance(example, Conversation) or bool(example.prompt))

    def _marked_row(self, example: Example) -> TokenRow:
        messages = _as_messages(example) if isinstance(example, PromptAnswer) else example.messages
        encoded = self._tokenizer.apply_chat_template(
            [dict(message) for message in messages], tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        return TokenRow(encoded["input_ids"], encoded["assistant_masks"])

    def _tokenise(self, rendered: Sequence[tuple[int, Rendered]], results: list[TokenRow | str], plain: bool) -> None:
        if not rendered:
            return
        # A template writes its special tokens itself. A plain text needs the tokenizer's and an end token: without one
        # the model would learn never to stop.
        texts = [item.text for _, item in rendered]
        encoded = self._tokenizer(texts, add_special_tokens=plain, return_offsets_mapping=True, verbose=False)
        end = self._tokenizer.eos_token_id if plain else None
        for row, (index, item) in enumerate(rendered):
            results[index] = _row(encoded["input_ids"][row], encoded["offset_mapping"][row], item, end)


def _as_messages(example: PromptAnswer) -> tuple[Message, ...]:
    return ({"role": "user", "content": example.prompt}, {"role": "assistant", "content": example.answer})


def _row(ids: list[int], offsets: list[tuple[int, int]], item: Rendered, end: int | None) -> TokenRow:
    loss_mask = [int(any(start <= first < stop for start, stop in item.spans)) for first, _ in offsets]
    # Special tokens that the tokenizer adds have the offsets (0, 0). They are not learned.
    loss_mask = [learned if last > first else 0 for learned, (first, last) in zip(loss_mask, offsets, strict=True)]
    if end is None or (ids and ids[-1] == end):
        return TokenRow(ids, [*loss_mask[:-1], 1] if end is not None else loss_mask)
    return TokenRow([*ids, end], [*loss_mask, 1])
