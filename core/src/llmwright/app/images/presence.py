"""Images in their registries, asked with the logins and sources that the settings allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmwright.app.session import Session
    from llmwright.artifacts.image_presence import Presence


def find_image(session: Session, image: str) -> tuple[Presence, str]:
    """Return whether the registry of ``image`` has it, and why that is not known, or what the registry said."""
    # Late: the client of registries is slow to import.
    from llmwright.artifacts.addresses import SourceRules
    from llmwright.artifacts.credentials import find_credentials
    from llmwright.artifacts.image_presence import find_presence

    sources = SourceRules(session.settings.sources.allow)
    logins = find_credentials(image.partition("@")[0], session.settings.docker_config)
    return find_presence(image, logins, sources=sources)
