"""A call that takes long is noted once; of a cloud that is always slow, not each time."""

from __future__ import annotations

import threading
import time

import pytest

from llmwright.plugins import slow_calls
from llmwright.plugins.slow_calls import SlowCalls


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> SlowCalls:
    monkeypatch.setattr(slow_calls, "SLOW_S", 0.05)
    monkeypatch.setattr(slow_calls, "LOOK_EVERY_S", 0.01)
    return SlowCalls()


def slowly(calls: SlowCalls) -> None:
    with calls.watched("refresh of provisioner 'acme'"):
        time.sleep(0.3)


def test_a_quick_call_is_not_noted(calls: SlowCalls, capsys: pytest.CaptureFixture[str]) -> None:
    with calls.watched("launch"):
        pass
    assert capsys.readouterr().err == ""


def test_each_slow_call_of_a_verb_is_noted_once(calls: SlowCalls, capsys: pytest.CaptureFixture[str]) -> None:
    slowly(calls)
    slowly(calls)
    assert capsys.readouterr().err.count("llmwright: note: refresh of provisioner 'acme' has taken 0 s so far") == 2


def test_beside_the_main_thread_the_same_is_noted_only_once(
    calls: SlowCalls, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        thread = threading.Thread(target=slowly, args=(calls,))
        thread.start()
        thread.join()
    assert capsys.readouterr().err.count("has taken") == 1
