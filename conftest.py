"""Settings and a fixture that every test has."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.support.left_out", "tests.support.scheduling"]

# A busy machine is slow and not wrong: an example has no time limit of its own, only its test has one.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture
def heard_interrupts() -> Iterator[None]:
    """Python hears SIGINT as at a terminal. A shell starts what it runs in the background deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
