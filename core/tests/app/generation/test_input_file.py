"""What is read as requests."""

from __future__ import annotations

import pytest

from llmwright.app.generation import input_file
from llmwright.app.generation.input_file import Defaults, read_requests
from llmwright.errors import ConfigError


def test_text_from_a_pipe_has_the_limit_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut off at the limit, requests would be lost without a word."""
    monkeypatch.setattr(input_file, "MOST_BYTES", 40)
    with pytest.raises(ConfigError, match="larger than 40 bytes"):
        read_requests("-", b'{"prompt": "one"}\n' * 3, Defaults("tiny", "chat", {}))
