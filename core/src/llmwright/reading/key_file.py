"""The API key, from the environment or from a file that it names: a Secret is often mounted, or kept out of shells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable, read_text

KEY = "LLMWRIGHT_API_KEY"
KEY_FILE = "LLMWRIGHT_API_KEY_FILE"
MOST_BYTES = 4096


def api_key(environ: Mapping[str, str]) -> str | None:
    """Return the value of ``LLMWRIGHT_API_KEY``, else the text of the file in ``LLMWRIGHT_API_KEY_FILE``, else None.

    Raises ConfigError for a file that cannot be read or holds nothing. No message has what is in it.
    """
    if KEY in environ or not environ.get(KEY_FILE):
        return environ.get(KEY)
    path = environ[KEY_FILE]
    try:
        key = read_text(Path(path), MOST_BYTES).strip()
    except (FileNotFoundError, Unreadable) as error:
        why = str(error) if isinstance(error, Unreadable) else "is not there"
        raise ConfigError(f"{KEY_FILE}: {path} {why}", hint="name a file that holds the key alone") from None
    if not key:
        raise ConfigError(f"{KEY_FILE}: {path} is empty", hint="write the key into it, or unset the variable")
    return key
