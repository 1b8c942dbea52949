"""``hf://`` URLs: a short form of the model hub's https URLs.

``hf://[datasets/|spaces/]OWNER/NAME[@REVISION]/PATH`` stands for
``ENDPOINT/[datasets/|spaces/]OWNER/NAME/resolve/REVISION/PATH``, as in huggingface_hub's file system. Whole
repositories are not downloaded here.
"""

from __future__ import annotations

import os
import re
from urllib.parse import quote

from llmwright.errors import ConfigError

DEFAULT_ENDPOINT = "https://huggingface.co"

_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_HUB_URL = re.compile(
    rf"hf://(?P<kind>(?:datasets|spaces)/)?(?P<repo>{_PART}/{_PART})(?:@(?P<revision>[A-Za-z0-9._-]+))?"
    r"/(?P<path>[^?#\\\s]+)",
    re.IGNORECASE,
)


def hub_url_problem(url: str) -> str | None:
    """Return the mistake in an ``hf://`` URL of one file, None where there is none."""
    match = _HUB_URL.fullmatch(url)
    if match and ".." not in match["path"].split("/"):
        return None
    return f"{url[:200]!r} is not of the form hf://[datasets/]OWNER/NAME[@REVISION]/PATH"


def web_url(url: str) -> str:
    """Return the https URL of one file, at ``HF_ENDPOINT`` or the public hub.

    Raises ConfigError for a mistake in the URL, and where ``HF_HUB_OFFLINE`` forbids asking the hub.
    """
    match = _HUB_URL.fullmatch(url)
    problem = hub_url_problem(url)
    if match is None or problem:
        raise ConfigError(str(problem), reason="SourceRefused")
    if os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        raise ConfigError(f"{url} cannot be read: HF_HUB_OFFLINE is set", reason="SourceRefused")
    endpoint = (os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT).rstrip("/")
    kind, revision = (match["kind"] or "").lower(), match["revision"] or "main"
    return f"{endpoint}/{kind}{match['repo']}/resolve/{revision}/{quote(match['path'], safe='/%')}"
