"""Names: what Kubernetes takes for one, and what may have been meant by one that is not known."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

from llmwright.plugins.known import requirement

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\Z")
_LONGEST_LABEL = 63
_LONGEST_SUBDOMAIN = 253


def label_problem(name: str) -> str:
    """Why ``name`` is no RFC 1123 label; empty where it is one."""
    if "." in name:
        return "must not contain dots"
    return _problem(name, _LABEL, _LONGEST_LABEL, "a-z, 0-9 and -")


def subdomain_problem(name: str) -> str:
    """Why ``name`` is no RFC 1123 subdomain; empty where it is one."""
    return _problem(name, _SUBDOMAIN, _LONGEST_SUBDOMAIN, "a-z, 0-9, - and .")


def _problem(name: str, pattern: re.Pattern[str], longest: int, letters: str) -> str:
    if len(name) > longest:
        return f"must have at most {longest} characters, it has {len(name)}"
    if not pattern.match(name):
        return f"must be made of {letters}, and start and end with a letter or digit"
    return ""


def as_label(name: str) -> str:
    """A label that looks like ``name``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST_LABEL].strip("-")


def plugin_hint(kind: str, name: str, installed: Iterable[str]) -> str:
    """How to get a driver that is not installed, or what was meant."""
    package = requirement(kind, name)
    return f"pip install '{package}'" if package else suggestion(name, installed, "llmwright plugins list")


def suggestion(name: str, known: Iterable[str], command: str = "") -> str:
    """A hint: the known name nearest to ``name``, and the command that lists all."""
    by_key = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), by_key, n=1, cutoff=0.6)
    parts = [f"did you mean {by_key[close[0]]}?"] if close else []
    if command:
        parts.append(f"`{command}` lists all")
    elif by_key and not close:
        parts.append(f"known: {', '.join(sorted(by_key.values()))}")
    return " ".join(parts)
