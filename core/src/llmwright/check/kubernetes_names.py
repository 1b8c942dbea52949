"""The names that Kubernetes accepts: RFC 1123 labels and subdomains, and keys and values of labels."""

from __future__ import annotations

import re
from collections.abc import Mapping

_LABEL = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?\Z")
_SUBDOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\Z")
_QUALIFIED = re.compile(r"[A-Za-z0-9](?:[-_.A-Za-z0-9]*[A-Za-z0-9])?\Z")
_LONGEST_LABEL = 63
_LONGEST_SUBDOMAIN = 253

MOST_ANNOTATIONS = 256 * 1024
"""The most bytes of an object's annotations, keys and values together (Kubernetes 1.34)."""


def label_problem(name: str) -> str:
    """Why ``name`` is no RFC 1123 label; empty where it is one."""
    if "." in name:
        return "must not contain dots"
    return _problem(name, _LABEL, _LONGEST_LABEL, "a-z, 0-9 and -")


def subdomain_problem(name: str) -> str:
    """Why ``name`` is no RFC 1123 subdomain; empty where it is one."""
    return _problem(name, _SUBDOMAIN, _LONGEST_SUBDOMAIN, "a-z, 0-9, - and .")


def label_key_problem(key: str) -> str:
    """Why ``key`` names no label: a name, after a subdomain and a slash or alone; empty where it does."""
    prefix, slash, name = key.rpartition("/")
    if slash and (wrong := subdomain_problem(prefix)):
        return f"has a part before the slash that {wrong}"
    return _problem(name, _QUALIFIED, _LONGEST_LABEL, "letters, 0-9, -, _ and .")


def label_value_problem(value: str) -> str:
    """Why ``value`` is no value of a label; empty where it is one."""
    return _problem(value, _QUALIFIED, _LONGEST_LABEL, "letters, 0-9, -, _ and .") if value else ""


def annotation_bytes(annotations: Mapping[str, str | None]) -> int:
    """Return the bytes that count against ``MOST_ANNOTATIONS``."""
    return sum(len(text.encode(errors="replace")) for item in annotations.items() for text in item if text)


def _problem(name: str, pattern: re.Pattern[str], longest: int, letters: str) -> str:
    if len(name) > longest:
        return f"must have at most {longest} characters, it has {len(name)}"
    if not pattern.match(name):
        return f"must be made of {letters}, and start and end with a letter or digit"
    return ""


def as_label(name: str) -> str:
    """A label that looks like ``name``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_LONGEST_LABEL].strip("-")
