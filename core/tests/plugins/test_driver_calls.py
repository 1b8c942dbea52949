"""Anything that a driver's method raises is named, and nothing that ends a thread is held up."""

from __future__ import annotations

import threading

import pytest

from llmwright.errors import PluginContract, TargetError
from llmwright.plugins.driver_calls import driver_call


class Wordless(BaseException):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize("error", [KeyError("gpu"), SystemExit(3), RecursionError(), Wordless(), OSError("a\nb" * 400)])
def test_anything_is_named_with_driver_and_method(error: BaseException) -> None:
    with pytest.raises(PluginContract) as raised, driver_call("provisioner", "acme", "decide"):
        raise error
    assert raised.value.message.startswith(f"provisioner 'acme' failed in decide: {type(error).__name__}")
    assert len(raised.value.message) < 400
    assert "\n" not in raised.value.message
    assert raised.value.__cause__ is error


def test_an_error_of_ours_passes_as_it_is() -> None:
    with pytest.raises(TargetError, match="no quota"), driver_call("provisioner", "acme", "act"):
        raise TargetError("no quota")


def test_ctrl_c_passes_in_the_main_thread_alone() -> None:
    with pytest.raises(KeyboardInterrupt), driver_call("runtime", "acme", "status"):
        raise KeyboardInterrupt
    caught: list[BaseException] = []

    def work() -> None:
        try:
            with driver_call("runtime", "acme", "status"):
                raise KeyboardInterrupt
        except PluginContract as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(caught) == 1


def test_what_ends_a_generator_is_not_held_up() -> None:
    with pytest.raises(GeneratorExit), driver_call("runtime", "acme", "status"):
        raise GeneratorExit
