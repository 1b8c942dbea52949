"""The name of a downloaded file: always one plain name, never a path from the server."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import PurePosixPath
from urllib.parse import unquote

LONGEST_NAME_BYTES = 200

_EXTENDED = re.compile(r"filename\*\s*=\s*(?:utf-8|iso-8859-1)'[^']*'([^;\s]+)", re.IGNORECASE)
_QUOTED = re.compile(r'filename\s*=\s*"((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_TOKEN = re.compile(r"filename\s*=\s*([^;\s\"]+)", re.IGNORECASE)


def file_name(url_path: str, disposition: str = "") -> str:
    """Return the file name for ``url_path``, the path of the user's URL without its query.

    The URL's last part where it has an extension, because the user saw that name. Else the name in the
    Content-Disposition header (RFC 6266). Else the URL's last part as it is, or ``download``.
    """
    own = plain_name(unquote(url_path).rpartition("/")[2])
    if PurePosixPath(own).suffix:
        return own
    return plain_name(_disposition_name(disposition)) or own or "download"


def plain_name(text: str) -> str:
    """Return ``text`` without path parts, control characters and leading dots, at most 200 bytes; may be empty."""
    last = re.split(r"[/\\]", text)[-1]
    name = "".join(char if char.isprintable() and char not in ':*?"<>|' else "_" for char in last).strip().lstrip(".")
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix[:20]
    room = LONGEST_NAME_BYTES - len(suffix.encode())
    return stem.encode()[:room].decode(errors="ignore") + suffix if name else ""


def free_name(name: str, taken: Collection[str]) -> str:
    """Return ``name``, or the first free name of ``stem-2.ext``, ``stem-3.ext``, …"""
    stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
    number = 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}{suffix}"
    return name


def _disposition_name(header: str) -> str:
    extended = _EXTENDED.search(header)
    if extended:
        return unquote(extended[1])
    quoted = _QUOTED.search(header)
    if quoted:
        return re.sub(r"\\(.)", r"\1", quoted[1])
    token = _TOKEN.search(header)
    return token[1] if token else ""
