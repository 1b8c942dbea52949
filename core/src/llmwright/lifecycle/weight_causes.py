"""Why weights do not come, as a process said it last: our own processes by a reason, engines by their libraries' words.

Pure. The texts of the libraries are those of huggingface_hub and transformers, whose exceptions an engine lets end it.
"""

from __future__ import annotations

import re

from llmwright.errors import LLMwrightError
from llmwright.lifecycle.observed import Trouble

TOKEN_MISSING, TOKEN_INVALID, LICENCE = "TokenMissing", "TokenInvalid", "LicenceNotAccepted"
CAUSES = frozenset({
    TOKEN_MISSING, TOKEN_INVALID, "TokenUnusable", "TokenWithoutRight", LICENCE, "ModelNotFound", "RevisionNotFound",
    "NotDownloaded", "HubUnreachable", "HubFailed", "NoDiskSpace", "DigestMismatch", "PullDenied", "ImageNotFound",
    "NoModel", "BadImage",
})  # fmt: skip
"""The reasons of processes that bring weights (``artifacts/hub_errors.py``, ``artifacts/artifact_errors.py``)."""

OTHERS_FAULTS = frozenset({"HubUnreachable", "HubFailed"})
"""Those of them that the user cannot repair."""

_OWN = re.compile(r"(?:^|\berror: )([A-Z][A-Za-z]+): (.*)", re.DOTALL)
_LIBRARIES = (
    (re.compile(r"invalid credentials in authorization header|invalid user token", re.IGNORECASE), TOKEN_INVALID),
    (re.compile(r"not in the authorized list|awaiting a review", re.IGNORECASE), LICENCE),
    (re.compile(r"GatedRepoError|gated repo", re.IGNORECASE), TOKEN_MISSING),
    (re.compile(r"RevisionNotFoundError|is not a valid git identifier"), "RevisionNotFound"),
    (re.compile(r"RepositoryNotFoundError|is not a valid model identifier"), "ModelNotFound"),
    (re.compile(r"No space left on device|NoSpaceLeft"), "NoDiskSpace"),
    (re.compile(r"couldn't connect to '|OfflineModeIsEnabled|LocalEntryNotFoundError"), "HubUnreachable"),
)
"""In this order: a refusal with a token names the gated repository too, and a gated one is a missing one's subclass."""


def weight_cause(text: str) -> Trouble | None:
    """Return the cause in the last words of a process that ended; None where they tell of none."""
    own = _OWN.search(text)
    if own and own[1] in CAUSES:
        return Trouble(own[1], own[2].strip())
    return next((Trouble(reason, text.strip()) for form, reason in _LIBRARIES if form.search(text)), None)


def error_line(error: LLMwrightError) -> str:
    """Return the line that a workload's process writes last: with its reason where ``weight_cause`` is to find one."""
    reason = f"{error.reason}: " if error.reason in CAUSES else ""
    hint = f" ({error.hint})" if error.hint else ""
    return f"error: {reason}{'; '.join(error.message.splitlines())}{hint}"
