"""Secrets inside the URLs of a data set: user and password, and signatures in the query.

Plans, command lines, state files and what is printed hold such a URL without them. The process that downloads gets the
whole URL in one variable of its environment. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from llmwright.reading.json_reader import read_json

if TYPE_CHECKING:
    from llmwright.api.workspace import DataSource, Workspace

HIDDEN = "***"
URLS_VARIABLE = "LLMWRIGHT_DATA_URLS"
"""The variable with the whole URLs, as a JSON list."""

_WEB = re.compile(r"(?P<scheme>(?:https?|hf)://)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
_PLAIN = frozenset(
    {"alt", "branch", "config", "dl", "download", "export", "file", "filename", "format", "inline", "lang", "page"}
    | {"path", "raw", "ref", "revision", "split", "v", "version"}
)
"""Names of parameters that say which file is wanted and how, and never who asks."""

_HARMLESS = re.compile(r"[0-9]{0,4}|true|false", re.IGNORECASE)
_SECRET = re.compile(r"auth|code|cred|key|pass|pin|pwd|secret|sig|token", re.IGNORECASE)


def without_secrets(url: str) -> str:
    """Return ``url`` with ``***`` for user and password, and for each value of the query that may be a secret.

    Anything but an http, https or hf URL is returned as it is.
    """
    web = _WEB.fullmatch(url)
    if web is None:
        return url
    head, mark, query = web["rest"].partition("#")[0].partition("?")
    authority, slash, path = head.partition("/")
    user, at, host = authority.rpartition("@")
    shown = f"{HIDDEN}@{host}" if at and user else authority
    values = [_without_secret(part) for part in query.split("&")]
    return web["scheme"] + shown + slash + path + (mark + "&".join(values) if query else mark)


def whole_urls(urls: Iterable[str], variable: str) -> list[str]:
    """Return ``urls`` with the secrets that ``variable`` holds put back, in order.

    Raises KeyError naming a URL whose secrets it does not hold; ValueError for a value that is no list of texts.
    """
    at_hand: dict[str, list[str]] = {}
    for url in _listed(variable):
        at_hand.setdefault(without_secrets(url), []).append(url)
    return [_whole(url, at_hand) for url in urls]


def hides_secrets(url: str) -> bool:
    """Whether secrets were taken out of ``url``."""
    return HIDDEN in url and url == without_secrets(url) and _WEB.fullmatch(url) is not None


def url_secrets(workspace: Workspace) -> str:
    """Return the value of ``URLS_VARIABLE``: the URLs of the data set that hold secrets; empty where none does."""
    source = workspace.tuning.input if workspace.tuning else None
    secret = [url for url in (source.urls if source else []) if without_secrets(url) != url]
    return json.dumps(secret) if secret else ""


def without_url_secrets(workspace: Workspace) -> Workspace:
    """Return ``workspace`` with the secrets of its URLs hidden."""
    tuning = workspace.tuning
    if tuning is None or tuning.input is None or not url_secrets(workspace):
        return workspace
    return workspace.model_copy(update={"tuning": tuning.model_copy(update={"input": _hidden(tuning.input)})})


def _hidden(source: DataSource) -> DataSource:
    return source.model_copy(update={"urls": [without_secrets(url) for url in source.urls]})


def _without_secret(part: str) -> str:
    name, equals, value = part.partition("=")
    harmless = equals and _HARMLESS.fullmatch(value) and not (value and _SECRET.search(name))
    if name.lower() in _PLAIN or harmless:
        return part
    return f"{name}={HIDDEN}" if equals else HIDDEN if part else part


def _listed(variable: str) -> list[str]:
    urls = read_json(variable) if variable else []
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise ValueError("it is no list of URLs")
    return urls


def _whole(url: str, at_hand: dict[str, list[str]]) -> str:
    if not hides_secrets(url):
        return url
    whole = at_hand.get(url)
    if not whole:
        raise KeyError(url)
    return whole.pop(0)
