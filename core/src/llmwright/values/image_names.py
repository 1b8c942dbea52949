"""Names of images that are built here, and of those that come from a mirror. Pure."""

from __future__ import annotations

import re

from llmwright.version import __version__

LOCAL = "localhost/"
"""Stands before the name of an image that no registry has yet."""
_PORT = re.compile(r"^([^/:]+):[0-9]+/")


def built_image(role: str) -> str:
    """Return the name under which this release's image of a role is built."""
    return f"{LOCAL}llmwright/{role}:{__version__}"


def mirrored(image: str, registry: str | None) -> str:
    """Return the name of ``image`` below a mirror: ``registry`` before the whole name, but before ``localhost/``.

    An image whose name begins with ``registry`` already stays as it is; without a registry every one does. The port of
    the image's own registry falls away: only the first part of a name may have one.
    """
    if not registry or image.startswith(f"{registry.rstrip('/')}/"):
        return image
    name = _PORT.sub(r"\1/", image.removeprefix(LOCAL))
    return f"{registry.rstrip('/')}/{name}"
