"""Why vLLM did not start: recorded from vLLM 0.32 beneath Ray 2.60."""

from __future__ import annotations

from llmwright_runtime_ray.serve.engine_words import LONGEST, cause

CONFIG = """Failed to create vLLM engine config: 1 validation error for ModelConfig
  Value error, User-specified max_model_len (100000) is greater than the derived max_model_len
    For further information visit https://errors.pydantic.dev/2.14/v/value_error"""
ENDED = "Engine core initialization failed. See root cause above. Failed core proc(s): {}"
LOG = """(EngineCore pid=7) Traceback (most recent call last):
(EngineCore pid=7)   File "core.py", line 12, in run
(EngineCore pid=7) ValueError: No available memory for the cache blocks.
Traceback (most recent call last):
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {}
"""


def test_a_refused_value_is_told_without_what_stands_around_it() -> None:
    expected = "Value error, User-specified max_model_len (100000) is greater than the derived max_model_len"
    assert cause(RuntimeError(CONFIG), "") == expected


def test_the_engine_s_own_last_exception_is_told_where_its_process_ended() -> None:
    assert cause(RuntimeError(ENDED), LOG) == "No available memory for the cache blocks."
    assert cause(RuntimeError(ENDED), "") == ENDED


def test_long_words_are_cut_and_empty_ones_named() -> None:
    assert len(cause(RuntimeError("x" * 9000), "")) == LONGEST
    assert cause(TimeoutError(), "") == "TimeoutError"
