"""Why a replica could not start, out of Ray's text."""

from __future__ import annotations

from llmwright.errors import ConfigError, TargetError
from llmwright_runtime_ray.last_words import failure_in, marked


def test_the_replica_s_own_error_is_found_in_a_traceback() -> None:
    told = marked(ConfigError("the model {x} cannot be loaded", hint="give another"))
    error = failure_in(f"The deployment failed to start 1 times. Error:\n  File x\nRuntimeError: {told}\nmore")
    assert isinstance(error, ConfigError)
    assert (error.message, error.hint) == ("the model {x} cannot be loaded", "give another")


def test_a_fault_of_the_machine_stays_one() -> None:
    assert type(failure_in(f"x\nRuntimeError: {marked(TargetError('no memory'))}")) is TargetError


def test_any_other_text_is_told_by_its_last_line() -> None:
    error = failure_in("Deploying failed\n\nThe actor died: out of memory\n")
    assert error.message == "Ray Serve could not start the model: The actor died: out of memory"


def test_the_reason_travels_too() -> None:
    told = marked(ConfigError("acme/tiny is gated", hint="set HF_TOKEN", reason="TokenMissing"))
    assert failure_in(f"RuntimeError: {told}").reason == "TokenMissing"
