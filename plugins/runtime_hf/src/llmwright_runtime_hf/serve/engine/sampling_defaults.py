"""The model's ``generation_config.json``: how it is sampled where a request says nothing, and where its answers end.

transformers reads any value there. A wrong one would fail in each request, so it is refused when the model is loaded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from transformers import GenerationConfig

from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json_file
from llmwright_runtime_hf.serve.engine.interface import LEAST_PENALTY, SamplingParams

FILE = "generation_config.json"
_NOT_BUILT: dict[str, tuple[object, ...]] = {
    "num_beams": (1,), "num_return_sequences": (1,), "penalty_alpha": (0,), "guidance_scale": (1,),
    "encoder_repetition_penalty": (1,), "encoder_no_repeat_ngram_size": (0,), "epsilon_cutoff": (0,),
    "eta_cutoff": (0,), "top_h": (), "dola_layers": (), "bad_words_ids": ([],), "force_words_ids": ([],),
    "constraints": ([],), "sequence_bias": ({}, []), "suppress_tokens": ([],), "begin_suppress_tokens": ([],),
    "forced_bos_token_id": (), "forced_eos_token_id": (), "exponential_decay_length_penalty": (),
    "min_new_tokens": (0,), "min_length": (0,), "stop_strings": ([], ""), "watermarking_config": ({},),
    "max_time": (), "token_healing": (False,),
}  # fmt: skip
"""Keys that change the answers of ``generate`` and of no server here, each with the values that ask for nothing."""


@dataclass(frozen=True, slots=True)
class AnswerDefaults:
    """``sampled_temperature`` holds for a request that asks to sample and names none, ``max_tokens`` for a chat.

    ``not_built`` are keys that would change answers and have no effect here.
    """

    sampled_temperature: float = 1.0
    max_tokens: int | None = None
    not_built: tuple[str, ...] = ()


def sampling_of(config: GenerationConfig | None) -> SamplingParams:
    """Return the defaults for requests: greedy without ``do_sample``, as in transformers.

    Raises:
        ConfigError: a value is no number, or out of its range.
    """
    if config is None:
        return SamplingParams()
    return SamplingParams(
        temperature=_number(config, "temperature", 1.0, least=0.0) if config.do_sample else 0.0,
        top_p=_number(config, "top_p", 1.0, least=0.0, most=1.0),
        top_k=max(_whole(config, "top_k"), 0),
        repetition_penalty=_number(config, "repetition_penalty", 1.0, least=LEAST_PENALTY),
        min_p=_number(config, "min_p", 0.0, least=0.0, most=1.0),
        typical_p=_number(config, "typical_p", 1.0, above=0.0, most=1.0),
        no_repeat_ngram=max(_whole(config, "no_repeat_ngram_size"), 0),
    )


def answer_defaults_of(config: GenerationConfig | None) -> AnswerDefaults:
    """Return what else the file decides.

    Raises:
        ConfigError: a value is no number, or out of its range.
    """
    if config is None:
        return AnswerDefaults()
    asked = (name for name, harmless in _NOT_BUILT.items() if getattr(config, name, None) not in (None, *harmless))
    return AnswerDefaults(
        sampled_temperature=_number(config, "temperature", 1.0, least=0.0),
        max_tokens=_whole(config, "max_new_tokens") or None,
        not_built=tuple(asked),
    )


def end_tokens_of(config: GenerationConfig | None) -> frozenset[int]:
    """Return the ids in ``eos_token_id``, which is one or a list of them.

    Raises:
        ConfigError: one is no whole number.
    """
    return _end_tokens(config.eos_token_id if config is not None else None)


def end_tokens_of_adapter(directory: Path) -> frozenset[int] | None:
    """Return the ids in the file beside an adapter's weights, at which its answers end; None without the file.

    Raises:
        ConfigError: the file cannot be read, or one is no whole number.
    """
    try:
        values = read_json_file(directory / FILE)
    except FileNotFoundError:
        return None
    except Unreadable as error:
        raise ConfigError(f"{FILE} of the adapter in {directory} {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{FILE} of the adapter in {directory} holds no JSON object")
    return _end_tokens(values.get("eos_token_id"))


def _end_tokens(value: object) -> frozenset[int]:
    listed = value if isinstance(value, list) else [] if value is None else [value]
    wrong = next((token for token in listed if not _is_whole(token)), None)
    if wrong is not None:
        raise _wrong("eos_token_id", wrong, "the id of a token, or a list of ids")
    return frozenset(listed)


def _number(
    config: GenerationConfig,
    name: str,
    default: float,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
) -> float:
    value = getattr(config, name)
    if value is None or value is False:
        return default
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise _wrong(name, value, "a number")
    if not (least <= value <= most and value > above):
        low = f"above {above:g}" if above > -math.inf else f"at least {least:g}"
        raise _wrong(name, value, low if most == math.inf else f"{low} and at most {most:g}")
    return float(value)


def _whole(config: GenerationConfig, name: str) -> int:
    value = getattr(config, name)
    if value is None or value is False:
        return 0
    if not _is_whole(value) or value >= 2**31:
        raise _wrong(name, value, "a whole number")
    return int(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong(name: str, value: object, expected: str) -> ConfigError:
    return ConfigError(
        f"the model's {FILE}: {name} is {repr(value)[:100]}; expected is {expected}",
        hint="mend the file, or remove the line",
    )
