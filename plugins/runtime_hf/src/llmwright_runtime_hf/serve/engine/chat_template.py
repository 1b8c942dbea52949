"""The chat template of a served name: the base's own, or the one that an adapter was tuned with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable, read_text

FILE = "chat_template.jinja"
"""The file of a template beside the weights (transformers)."""
_TALK = [{"role": "user", "content": "question"}, {"role": "assistant", "content": "answer"}]


@dataclass(frozen=True, slots=True)
class ChatTemplate:
    """The Jinja text of a template. ``end_tokens`` are those that it writes after an answer."""

    text: str
    end_tokens: frozenset[int] = frozenset()


def chat_template(tokenizer: PreTrainedTokenizerBase, text: str) -> ChatTemplate:
    """Return the template with its end tokens.

    A model that was tuned with ChatML ends its answers with ``<|im_end|>``, whatever the base's end token is.
    """
    try:
        rendered = str(tokenizer.apply_chat_template(_TALK, chat_template=text, tokenize=False))
        tail = rendered.rpartition("answer")[2]
        ids = [int(token) for token in tokenizer(tail, add_special_tokens=False)["input_ids"]]
    except Exception:
        # Template and tokenizer may refuse this talk and take others; a request that they refuse gets its own error.
        return ChatTemplate(text)
    special = special_tokens(tokenizer)
    shown = (token for token in ids if token in special or str(tokenizer.decode([token])).strip())
    first = next(shown, None)
    return ChatTemplate(text, frozenset([first]) if first in special and first is not None else frozenset())


def template_of_adapter(directory: Path) -> str | None:
    """Return the template that lies beside an adapter's weights; None without one.

    Raises:
        ConfigError: the file cannot be read.
    """
    try:
        return read_text(directory / FILE)
    except FileNotFoundError:
        return None
    except Unreadable as error:
        raise ConfigError(f"the chat template of the adapter in {directory}: {error}") from error


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Return the ids of all special tokens: those that the tokenizer has a use for, and further ones."""
    decoder = getattr(tokenizer, "added_tokens_decoder", {})
    return frozenset([*tokenizer.all_special_ids, *(index for index, token in decoder.items() if token.special)])


def special_token_of(tokenizer: PreTrainedTokenizerBase, text: str) -> int | None:
    """Return the id of the special token that is written ``text``, None where none is."""
    return next((token for token in special_tokens(tokenizer) if _written(tokenizer, token) == text), None)


def _written(tokenizer: PreTrainedTokenizerBase, token: int) -> str:
    return str(tokenizer.convert_ids_to_tokens(token))


def turn_bounds(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Return the tokens that templates write between turns: all that were added to the tokenizer and are no blanks."""
    decoder = getattr(tokenizer, "added_tokens_decoder", {})
    added = (index for index, token in decoder.items() if token.content.strip())
    return frozenset([*tokenizer.all_special_ids, *added])
