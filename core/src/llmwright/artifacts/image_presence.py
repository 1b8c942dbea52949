"""Whether a registry has an image: one question for its manifest, without a download."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.image_push import rules_to_push
from llmwright.artifacts.image_reference import parse_reference
from llmwright.artifacts.oci_registry import OciRegistry
from llmwright.artifacts.wire import Wire
from llmwright.errors import ConfigError, TargetError

Presence = Literal["there", "missing", "unknown"]

LOCALHOST = "localhost"
READ_SECONDS = 5.0


def find_presence(
    image: str, credentials: Sequence[Credential] = (), *, sources: SourceRules | None = None
) -> tuple[Presence, str]:
    """Return whether the registry has the image, and why that is not known, or what the registry said.

    The registry may be anywhere, for the settings or a driver name it; ``sources`` holds for all that it names in turn.
    ``unknown`` is an image of no registry (``localhost/…``, which nodes have by themselves), a registry that cannot be
    reached or wants another login, and a name that is none. An answer is waited for at most 5 seconds.
    """
    try:
        name = parse_reference(image)
        if name.registry == LOCALHOST:
            return "unknown", "no registry has it: nodes hold it by themselves"
        with Wire(rules_to_push(name, sources), read_seconds=READ_SECONDS) as wire:
            OciRegistry(wire, name, credentials, actions="pull", attempts=1).manifest(name.version)
    except ConfigError as error:
        return ("missing" if error.reason == "ImageNotFound" else "unknown"), error.message
    except TargetError as error:
        return "unknown", error.message
    return "there", ""
