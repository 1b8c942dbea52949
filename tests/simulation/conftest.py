"""The schedules of a session in one line of its summary, also where other processes carried them out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from tests.simulation.reporting import PROPERTY, Chunk, summary


@pytest.fixture(scope="package", autouse=True)
def _sessions() -> Iterator[None]:
    """End the sessions with these tests: their plugins of third parties would be found by later ones of the process."""
    yield
    from tests.simulation.schedule import end_sessions

    end_sessions()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what all chunks of schedules came to."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    calls = [report for report in reports if isinstance(report, pytest.TestReport) and report.when == "call"]
    properties = [each for call in calls for each in call.user_properties]
    chunks = [Chunk._make(cast("tuple[Any]", chunk)) for name, chunk in properties if name == PROPERTY]
    if chunks:
        terminalreporter.write_line(summary(chunks))
