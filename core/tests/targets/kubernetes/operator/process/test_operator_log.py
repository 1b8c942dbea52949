"""The operator's log has its own lines, not those of the libraries that it asks with."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from llmwright.targets.kubernetes.operator.process.operator_log import log_to_stderr


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Handlers and level of this process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


@pytest.mark.parametrize("verbose", [False, True])
def test_a_request_for_progress_writes_no_line(capsys: pytest.CaptureFixture[str], verbose: bool) -> None:
    log_to_stderr("json", verbose=verbose)
    logging.getLogger("httpx").info("HTTP Request: GET http://10.79.0.12:8009/progress")
    logging.getLogger("llmwright").info("leading")
    (line,) = capsys.readouterr().err.splitlines()
    assert "leading" in line
