"""Why a replica could not start: written into the exception that Ray passes on as text, and read out of it."""

from __future__ import annotations

import json
import re

from llmwright.errors import ConfigError, LLMwrightError, TargetError
from llmwright.reading.json_reader import read_json

_MARK = re.compile(r"llmwright-failure:(\{.*?\})(?=\s*$)", re.MULTILINE)


def marked(error: LLMwrightError) -> str:
    """Return ``error`` as one line that ``failure_in`` finds again."""
    words = {"message": error.message, "hint": error.hint, "code": error.exit_code, "reason": error.reason}
    return "llmwright-failure:" + json.dumps(words)


def failure_in(text: str) -> LLMwrightError:
    """Return the error of a replica in Ray's ``text``, or an error with the last line of it."""
    own = marked_in(text)
    if own is None:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return TargetError(f"Ray Serve could not start the model: {lines[-1] if lines else 'no reason is named'}")
    return own


def marked_in(text: str) -> LLMwrightError | None:
    """Return the error that ``marked`` has written into ``text``; None where there is none."""
    match = _MARK.search(text)
    if match is None:
        return None
    words = read_json(match[1])
    kind = ConfigError if words["code"] == ConfigError.exit_code else TargetError
    return kind(words["message"], hint=words["hint"], reason=words.get("reason"))
