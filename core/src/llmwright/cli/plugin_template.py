"""The distribution that ``llmwright plugins new`` writes: a complete small plugin, with its tests, to be changed."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from llmwright.errors import ConfigError

KINDS = ("provisioner", "runtime", "tuner", "policy", "presets")
_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_EVERY = "every"


def distribution(kind: str, name: str) -> str:
    """Return the distribution's name.

    Raises:
        ConfigError: ``name`` cannot be the name of a plugin.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"NAME: {name!r} cannot be a plugin's name",
            hint="use lower-case letters, digits and single hyphens, a letter first, such as acme-cloud",
        )
    return f"llmwright-{kind}-{name}"


def plugin_files(kind: str, name: str) -> dict[Path, str]:
    """Return the files of a distribution for a plugin, by their paths in it.

    Raises:
        ConfigError: ``name`` cannot be the name of a plugin.
    """
    distribution(kind, name)
    templates = files("llmwright.cli").joinpath("templates", "plugins")
    found = {**_texts(templates / _EVERY), **_texts(templates / kind)}
    return {Path(_named(str(path), name)): _named(text, name) for path, text in sorted(found.items())}


def _texts(folder: Traversable, at: Path = Path()) -> dict[Path, str]:
    texts: dict[Path, str] = {}
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            texts.update(_texts(entry, at / entry.name))
        elif entry.is_file():
            texts[at / entry.name] = entry.read_text(encoding="utf-8")
    return texts


def _named(text: str, name: str) -> str:
    """Put ``name`` in place of the template's own, in each spelling."""
    words = name.split("-")
    spellings = {"template-name": name, "template_name": "_".join(words)}
    spellings["TemplateName"] = "".join(word.capitalize() for word in words)
    spellings["TEMPLATE_NAME"] = spellings["template_name"].upper()
    return re.sub("|".join(spellings), lambda match: spellings[match.group()], text)
