"""Why vLLM did not start, in one sentence: out of its exception, or of what its own process wrote; pure."""

from __future__ import annotations

import re

LONGEST = 500
_OF_ENGINE = "Engine core initialization failed"
"""The whole exception of vLLM where the process of its engine ended: the cause stands in that process's log."""
_RAISED = re.compile(r"^(?:\([^)]*\) )?((?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception)): (.+)$", re.MULTILINE)
_LEAD = re.compile(r"^(?:Failed to create vLLM engine config: )?\d+ validation errors? for \w+ ")
_ASIDE = "For further information visit"


def cause(error: BaseException, log: str) -> str:
    """Return the words of ``error``, or of the last exception in ``log`` where it only says that the engine ended."""
    words = _plain(str(error) or type(error).__name__)
    if not words.startswith(_OF_ENGINE):
        return words
    raised = [match[2] for match in _RAISED.finditer(log) if _OF_ENGINE not in match[2]]
    return _plain(raised[-1]) if raised else words


def _plain(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    joined = _LEAD.sub("", " ".join(line for line in lines if line and not line.startswith(_ASIDE)))
    return joined if len(joined) <= LONGEST else f"{joined[: LONGEST - 1]}…"
