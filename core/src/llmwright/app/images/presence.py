"""Images in their registries, asked with the logins and sources that the settings allow."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmwright.app.session import Session
    from llmwright.artifacts.image_presence import Presence


def find_image(session: Session, image: str) -> tuple[Presence, str]:
    """Return whether the registry of ``image`` has it, and why that is not known, or what the registry said.

    A name that is none, and logins that cannot be read, are among the reasons: whoever asks goes on without an answer.
    """
    # Late: the client of registries is slow to import.
    from llmwright.artifacts.addresses import SourceRules
    from llmwright.artifacts.credentials import find_credentials
    from llmwright.artifacts.image_presence import find_presence
    from llmwright.artifacts.image_reference import parse_reference
    from llmwright.errors import ConfigError

    settings = session.settings
    try:
        logins = find_credentials(parse_reference(image).name, settings.docker_config)
    except ConfigError as error:
        return "unknown", error.message
    return find_presence(image, logins, sources=SourceRules(settings.sources.allow))
