"""Which formats the answers of a model have: of its calls of tools, and of its reasoning."""

from __future__ import annotations

from transformers import PreTrainedTokenizerBase

from llmwright.errors import ConfigError
from llmwright_runtime_hf import reasoning_parsers, tool_parsers
from llmwright_runtime_hf.serve.engine.answer_parts import PartMarks
from llmwright_runtime_hf.serve.engine.channels import CHANNEL, ChannelTokens
from llmwright_runtime_hf.serve.engine.chat_template import special_token_of, turn_bounds
from llmwright_runtime_hf.serve.engine.thinking import FORMATS, ThinkTokens
from llmwright_runtime_hf.serve.serve_options import ServeOptions


def channel_tokens_of(tokenizer: PreTrainedTokenizerBase) -> ChannelTokens:
    """Return the tokens that tell the messages of an answer apart (gpt-oss); none where the tokenizer has no such."""
    return ChannelTokens.of(lambda text: special_token_of(tokenizer, text))


def part_marks_of(
    tokenizer: PreTrainedTokenizerBase, channels: ChannelTokens, reasoning_parser: str | None
) -> PartMarks | None:
    """Return the marks between the parts of an answer; None where all of it is content."""
    if channels.marks:
        return channels
    form = FORMATS.get(reasoning_parser or "")
    return ThinkTokens.of(form, tokenizer.get_vocab().get, turn_bounds(tokenizer)) if form else None


def tool_call_parser_of(options: ServeOptions, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """Return the format of the model's calls: the one that is named, and that of its tokens where none is.

    Raises ConfigError for a format of channels, where the tokenizer has no tokens for them.
    """
    found = bool(channel_tokens_of(tokenizer).marks)
    if options.tool_call_parser == tool_parsers.CHANNELS and not found:
        raise _no_channels("--tool-call-parser", tool_parsers.CHANNELS, options)
    return tool_parsers.CHANNELS if options.tool_call_parser is None and found else options.tool_call_parser


def reasoning_parser_of(options: ServeOptions, tokenizer: PreTrainedTokenizerBase) -> str | None:
    """Return the format of the model's reasoning: the one that is named, and that of its tokens where it has channels.

    Raises ConfigError for a format of channels where the tokenizer has no tokens for them, and for another one, or
    none, where it has: what it writes is nothing to read without them.
    """
    named, found = options.reasoning_parser, bool(channel_tokens_of(tokenizer).marks)
    if named == reasoning_parsers.CHANNELS and not found:
        raise _no_channels("--reasoning-parser", reasoning_parsers.CHANNELS, options)
    if found and named not in (None, reasoning_parsers.CHANNELS):
        raise ConfigError(
            f"--reasoning-parser {named}: {options.model} writes channels (gpt-oss), which are told apart in any case",
            hint="leave it out",
        )
    if found:
        return reasoning_parsers.CHANNELS
    return None if named == reasoning_parsers.NONE else named


def _no_channels(flag: str, parser: str, options: ServeOptions) -> ConfigError:
    return ConfigError(
        f"{flag} {parser}: the tokenizer of {options.model} has no special token {CHANNEL}",
        hint="it is the format of gpt-oss; take that of the model",
    )
