"""Formats of answers that a Workspace chooses, held against the model; pure."""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.errors import Problem
from llmwright.values.preset import Preset
from llmwright_runtime_hf import reasoning_parsers, tool_parsers
from llmwright_runtime_hf.hf_config import HfConfig

GPT_OSS = "GptOssForCausalLM"


def parser_problems(preset: Preset, config: HfConfig) -> Iterator[Problem]:
    """Yield a problem for each format that is chosen and that the model cannot have.

    The server decides by the tokenizer. Before that is there, the preset and the architecture tell.
    """
    chosen = (
        ("reasoningParser", config.reasoning_parser, reasoning_parsers.CHANNELS, preset.reasoning_parser),
        ("toolCallParser", config.tool_call_parser, tool_parsers.CHANNELS, preset.tool_call_parser),
    )
    channels = _writes_channels(preset)
    for path, named, own, known in chosen:
        if channels and named not in (None, own):
            message = f"{preset.name} writes channels (gpt-oss), which are told apart in any case, not as {named}"
            yield Problem(path, message, f"leave it out, or write {own}", reason="WrongFormat")
        elif not channels and named == own and known is not None:
            message = f"{named} is the format of gpt-oss, and {preset.name} has the format {known}"
            yield Problem(path, message, f"leave it out, or write {known}", reason="WrongFormat")


def _writes_channels(preset: Preset) -> bool:
    names = preset.architecture.names if preset.architecture else ()
    return GPT_OSS in names or preset.reasoning_parser == reasoning_parsers.CHANNELS
