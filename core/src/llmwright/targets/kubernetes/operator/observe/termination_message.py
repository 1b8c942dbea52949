"""A program's last words, as they may stand in a status: short, in one line, and without secrets; pure."""

from __future__ import annotations

import re

MOST_CHARACTERS = 400
MOST_READ = 4096
"""Kubernetes' own limit of a termination message; of a longer one the end is read."""

HIDDEN = "***"

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_USERINFO = re.compile(r"(?<=://)[^\s/@]+@")
_QUERY = re.compile(r"(://[^\s?\"']+\?)[^\s\"')>\]]+")
_BEARER = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_NAMED = re.compile(
    r"([\w.-]{0,40}(?:passw(?:or)?d|passwd|secret|token(?!s|iz)|api[_-]?key|access[_-]?key|credential|authorization)[\w.-]{0,40}"
    r"[\"']?\s*[:=]\s*)(\"[^\"]*\"?|'[^']*'?|[^\s,;&})\]]+)",
    re.IGNORECASE,
)
_SHAPED = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{8,}|(?:sk|pk|rk)-[\w-]{12,}|gh[opsur]_[A-Za-z0-9]{12,}|github_pat_\w{12,}|glpat-[\w-]{12,}"
    r"|xox[abeprs]-[\w-]{8,}|(?:AKIA|ASIA)[0-9A-Z]{12,}|AIza[\w-]{20,}|eyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]+)?)"
)


def last_words(message: object) -> str:
    """Return the end of a termination message, which the kubelet takes from the log: at most ``MOST_CHARACTERS``.

    Hidden are the forms of well-known tokens, values beside names such as ``password`` or ``api_key``, credentials in
    a header or a URL, and the query of a URL. The end is kept, because an exception is the last thing in a traceback.
    """
    text = " ".join(_without_secrets(_CONTROL.sub(" ", str(message or "")[-MOST_READ:])).split())
    return text if len(text) <= MOST_CHARACTERS else f"…{text[1 - MOST_CHARACTERS :]}"


def _without_secrets(text: str) -> str:
    text = _USERINFO.sub(f"{HIDDEN}@", text)
    text = _QUERY.sub(rf"\g<1>{HIDDEN}", text)
    text = _BEARER.sub(rf"\g<1> {HIDDEN}", text)
    text = _NAMED.sub(rf"\g<1>{HIDDEN}", text)
    return _SHAPED.sub(HIDDEN, text)
